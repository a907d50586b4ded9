// The demo: a sample site with the documented snippet, and a choice of its user. Each tab stores its own choice, so two
// tabs can have two users.
import { signal } from '@preact/signals';
import { render } from 'preact';
import { store, timeoutSignal } from '../shared/browser';
import type { User } from '../shared/protocol';
import './style.css';

interface Settings {
  organization: string;
  applicationId?: number;
  applicationSecret?: string;
  appId?: string;
}

type HelpCrunch = ((...args: unknown[]) => void) & { q?: unknown[] };
declare global {
  interface Window {
    HelpCrunch: HelpCrunch;
  }
}

const VISITOR = { label: 'Anonymous visitor', user: {} as User };
const PEOPLE: User[] = [
  {
    email: 'maria.keller@example.com',
    name: 'Maria Keller',
    phone: '+49 30 5550100',
    company: 'Keller Fahrräder',
    user_id: '12345',
  },
  {
    email: 'tom.okafor@example.com',
    name: 'Tom Okafor',
    phone: '+44 20 5550111',
    company: 'Okafor & Sons',
    user_id: '23456',
  },
  {
    email: 'li.wen@example.com',
    name: 'Li Wen',
    phone: '+65 5550122',
    company: 'Harbour Books',
    user_id: '34567',
  },
];
const CHOICES = [
  VISITOR,
  ...PEOPLE.map((user) => ({ label: `${user.name} (user_id ${user.user_id})`, user })),
];
const STORAGE_KEY = 'onethread-demo';
const tab = store('sessionStorage');

const chosen = signal({ person: 0, hash: '', ...storedChoice() });
const settings = signal<Settings | null>(null);
const status = signal('');

function storedChoice(): { person?: number; hash?: string } {
  try {
    return JSON.parse(tab.get(STORAGE_KEY) ?? '{}');
  } catch {
    return {};
  }
}

function choose(choice: { person: number; hash: string }) {
  chosen.value = choice;
  tab.set(STORAGE_KEY, JSON.stringify(choice));
}

function userOf({ person, hash }: { person: number; hash: string }): User {
  const { user } = CHOICES[person] ?? VISITOR;
  return user.user_id && hash ? { ...user, security_hash: hash } : user;
}

function snippet({ organization, ...application }: Settings) {
  const options = JSON.stringify({ ...application, user: userOf(chosen.value) }, null, 2);
  return `<script>
window.HelpCrunch = function(){ HelpCrunch.q.push(arguments) }; HelpCrunch.q = [];
HelpCrunch('init', '${organization}', ${options});
HelpCrunch('showChatWidget');
</script>
<script async src="${location.origin}/widget.js"></script>`;
}

// The inbox links here with the application to show: `/demo#<organization>/<appId>`.
function settingsFromAddress(): Settings | undefined {
  const [organization, appId] = location.hash.slice(1).split('/').map(decodeURIComponent);
  return organization && appId ? { organization, appId } : undefined;
}

async function demoSettings(): Promise<Settings> {
  const answer = await fetch('/demo/settings.json', {
    cache: 'no-store',
    signal: timeoutSignal(15_000),
  });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

// The same calls as in the shown snippet.
function runSnippet({ organization, ...application }: Settings) {
  const queue: unknown[] = [];
  window.HelpCrunch = Object.assign((...args: unknown[]) => void queue.push(args), { q: queue });
  document.head.append(
    Object.assign(document.createElement('script'), { async: true, src: '/widget.js' }),
  );
  window.HelpCrunch('init', organization, { ...application, user: userOf(chosen.value) });
  window.HelpCrunch(
    'onIdentityRefused',
    () =>
      (status.value =
        'Identity check failed (403). This user’s conversation stays hidden; you see an empty chat.'),
  );
  window.HelpCrunch('showChatWidget');
}

function load(event: Event) {
  event.preventDefault();
  location.reload();
}

function logIn() {
  if (!chosen.value.person) return void (status.value = 'Pick a user first.');
  window.HelpCrunch('userAuth', userOf(chosen.value));
  status.value = `Logged in as ${CHOICES[chosen.value.person]!.user.name} (userAuth).`;
}

function logOut() {
  choose({ person: 0, hash: '' });
  window.HelpCrunch('logout');
  status.value = 'Logged out. You’re a new visitor now.';
}

function Demo() {
  return (
    <>
      <header>
        <strong>Example shop</strong>
        <span>A sample site with your chat widget installed</span>
      </header>
      <main>
        <section>
          <h1>View this page as</h1>
          <form id="who" onSubmit={load}>
            <fieldset id="people">
              <legend class="unseen">View this page as</legend>
              {CHOICES.map(({ label }, index) => (
                <label key={label}>
                  <input
                    type="radio"
                    name="person"
                    checked={chosen.value.person === index}
                    onChange={() => choose({ ...chosen.value, person: index })}
                  />{' '}
                  {label}
                </label>
              ))}
            </fieldset>
            <label>
              Security hash (optional)
              <input
                id="hash"
                autocomplete="off"
                maxLength={1024}
                spellcheck={false}
                value={chosen.value.hash}
                onInput={({ currentTarget }) =>
                  choose({ ...chosen.value, hash: currentTarget.value })
                }
              />
            </label>
            <div class="buttons">
              <button type="submit" class="main">
                Reload as this user
              </button>
              <button type="button" onClick={logIn}>
                Log in without reloading
              </button>
              <button type="button" onClick={logOut}>
                Log out
              </button>
            </div>
            <p role="status">{status.value}</p>
          </form>
        </section>
        <section>
          <h1>Code on this page</h1>
          <pre tabIndex={0}>
            <code>{settings.value && snippet(settings.value)}</code>
          </pre>
        </section>
        <section>
          <h1>Things to try</h1>
          <ul>
            <li>
              <b>One thread, every device.</b> Pick a user here and the same one in a private window
              or another browser. Both show one conversation, and a message sent in one appears in
              the other at once.
            </li>
            <li>
              <b>A visitor becomes a contact.</b> As an anonymous visitor, fill in the form and send
              a message. Then pick a user: the conversation comes along.
            </li>
            <li>
              <b>Two people, two tabs.</b> Open this page in a second tab as an anonymous visitor.
              It has its own chat, and the first tab stays logged in.
            </li>
            <li>
              <b>Impersonation.</b> Reload as a user with a security hash, then again without it or
              with another one. The server answers 403 and you see an empty chat. With the right
              hash the conversation is back.
            </li>
            <li>
              <b>Your side.</b> Reply in the{' '}
              <a href="/inbox" target="_blank" rel="noopener">
                inbox
              </a>{' '}
              and watch the reply arrive here.
            </li>
          </ul>
        </section>
      </main>
    </>
  );
}

render(<Demo />, document.body);
try {
  settings.value = settingsFromAddress() ?? (await demoSettings());
  runSnippet(settings.value);
} catch (error) {
  status.value = `Couldn’t load the demo: ${(error as Error).message}.`;
}
