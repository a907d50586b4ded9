// The demo: a customer's page with the documented snippet in it, and a choice of who is looking at it. Whoever was
// chosen is kept for this tab alone, so that two tabs can be two people.
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

const VISITOR = { label: 'A visitor (no user_id)', user: {} as User };
const PEOPLE: User[] = [
  { email: 'maria.keller@example.com', name: 'Maria Keller', phone: '+49 30 5550100', company: 'Keller Fahrräder', user_id: '12345' },
  { email: 'tom.okafor@example.com', name: 'Tom Okafor', phone: '+44 20 5550111', company: 'Okafor & Sons', user_id: '23456' },
  { email: 'li.wen@example.com', name: 'Li Wen', phone: '+65 5550122', company: 'Harbour Books', user_id: '34567' },
];
const CHOICES = [VISITOR, ...PEOPLE.map((user) => ({ label: `${user.name}, user_id ${user.user_id}`, user }))];
const KEPT = 'onethread-demo';
const tab = store('sessionStorage');

const chosen = signal({ person: 0, hash: '', ...kept() });
const settings = signal<Settings | null>(null);
const said = signal('');

function kept(): { person?: number; hash?: string } {
  try {
    return JSON.parse(tab.get(KEPT) ?? '{}');
  } catch {
    return {};
  }
}

function keep(choice: { person: number; hash: string }) {
  chosen.value = choice;
  tab.set(KEPT, JSON.stringify(choice));
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

// An owner's first steps open this page with an application of theirs: `/demo#<organization>/<appId>`.
function named(): Settings | undefined {
  const [organization, appId] = location.hash.slice(1).split('/').map(decodeURIComponent);
  return organization && appId ? { organization, appId } : undefined;
}

async function demoSettings(): Promise<Settings> {
  const answer = await fetch('/demo/settings.json', { cache: 'no-store', signal: timeoutSignal(15_000) });
  if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
  return answer.json();
}

// What the snippet does, word by word.
function runSnippet({ organization, ...application }: Settings) {
  const queue: unknown[] = [];
  window.HelpCrunch = Object.assign((...args: unknown[]) => void queue.push(args), { q: queue });
  document.head.append(Object.assign(document.createElement('script'), { async: true, src: '/widget.js' }));
  window.HelpCrunch('init', organization, { ...application, user: userOf(chosen.value) });
  window.HelpCrunch('onIdentityRefused', () => (said.value = 'The server refused this identity (403): the chat is empty, and the thread stays closed.'));
  window.HelpCrunch('showChatWidget');
}

function load(event: Event) {
  event.preventDefault();
  location.reload();
}

function logIn() {
  if (!chosen.value.person) return void (said.value = 'Choose a person first: a visitor has nothing to log in with.');
  window.HelpCrunch('userAuth', userOf(chosen.value));
  said.value = `userAuth was called for ${CHOICES[chosen.value.person]!.user.name}.`;
}

function logOut() {
  keep({ person: 0, hash: '' });
  window.HelpCrunch('logout');
  said.value = 'logout was called: this browser is a new visitor now.';
}

function Demo() {
  return (
    <>
      <header>
        <strong>Example shop</strong>
        <span>a page as one of your customers would have it, with the widget's snippet in it</span>
      </header>
      <main>
        <section>
          <h1>Who is looking at this page?</h1>
          <form id="who" onSubmit={load}>
            <fieldset id="people">
              <legend>In this tab</legend>
              {CHOICES.map(({ label }, index) => (
                <label key={label}>
                  <input type="radio" name="person" checked={chosen.value.person === index} onChange={() => keep({ ...chosen.value, person: index })} /> {label}
                </label>
              ))}
            </fieldset>
            <label>
              security_hash, if any
              <input id="hash" autocomplete="off" maxLength={1024} spellcheck={false} value={chosen.value.hash} onInput={({ currentTarget }) => keep({ ...chosen.value, hash: currentTarget.value })} />
            </label>
            <div class="buttons">
              <button type="submit" class="main">
                Load the page as this person
              </button>
              <button type="button" onClick={logIn}>
                Log in without loading (userAuth)
              </button>
              <button type="button" onClick={logOut}>
                Log out
              </button>
            </div>
            <p role="status">{said.value}</p>
          </form>
        </section>
        <section>
          <h1>The snippet of this page</h1>
          <pre tabIndex={0}>
            <code>{settings.value && snippet(settings.value)}</code>
          </pre>
        </section>
        <section>
          <h1>What to try</h1>
          <ul>
            <li>
              <b>One thread, every device.</b> Choose a person here, and the same one in a private window or another browser: both show one thread, and what one writes the other sees at once.
            </li>
            <li>
              <b>A visitor becomes known.</b> As the visitor fill in the form and write something. Then choose a person: the thread comes along.
            </li>
            <li>
              <b>Visitor beside a login.</b> Open this page in a second tab as the visitor: it has a chat of its own, and the first tab stays logged in.
            </li>
            <li>
              <b>The claim.</b> Load the page as a person with a <code>security_hash</code>. Then without it or with another one: the server answers 403, the widget shows an empty chat, and the thread stays closed. With the right one it is all there again.
            </li>
            <li>
              <b>The other side.</b> Answer in the{' '}
              <a href="/inbox" target="_blank" rel="noopener">
                inbox
              </a>{' '}
              and watch the answer arrive here.
            </li>
          </ul>
        </section>
      </main>
    </>
  );
}

render(<Demo />, document.body);
try {
  settings.value = named() ?? (await demoSettings());
  runSnippet(settings.value);
} catch (error) {
  said.value = `The demo has no application to show: ${(error as Error).message}.`;
}
