// The inbox: the login, the navigation, and notices above each part.
import { effect, useSignalEffect } from '@preact/signals';
import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import { Accept } from './accept';
import { Contacts } from './contacts/contacts';
import { Conversations } from './conversations/conversations';
import { unreadConversations } from './conversations/store';
import { Imports } from './imports/imports';
import { connected, follow } from './live';
import { loadTeam, login, loginNotice, logout, me, success, trouble, whoAmI } from './login';
import { route } from './route';
import { Settings } from './settings/settings';
import './style.css';
import { Field, Form } from './forms';

const PARTS = {
  conversations: Conversations,
  contacts: Contacts,
  imports: Imports,
  settings: Settings,
};
type Part = keyof typeof PARTS;
const NAMES: [Part, string][] = [
  ['conversations', 'Conversations'],
  ['contacts', 'Contacts'],
  ['imports', 'Imports'],
  ['settings', 'Settings'],
];

function Inbox() {
  if (route.value[0] === 'accept') return <Accept token={route.value[1] ?? ''} />;
  if (me.value === undefined) return <main aria-busy="true" />;
  return me.value ? <App key={me.value.id} /> : <Login />;
}

function Login() {
  const send = (data: FormData) => login(Object.fromEntries(data));
  return (
    <main id="login">
      <div class="card">
        <h1 class="brand">
          <img src="/icon.svg" alt="" width="28" height="28" />
          Onethread
        </h1>
        <p class="soft" role="status" hidden={!loginNotice.value}>
          {loginNotice.value}
        </p>
        <Form onSend={send} label="Log in">
          <Field label="Organization">
            <input name="organization" required autocomplete="organization" />
          </Field>
          <Field label="Email">
            <input name="email" type="email" required autocomplete="username" />
          </Field>
          <Field label="Password">
            <input name="password" type="password" required autocomplete="current-password" />
          </Field>
        </Form>
      </div>
    </main>
  );
}

function App() {
  useEffect(() => {
    void follow();
    void loadTeam();
  }, []);
  useSignalEffect(() => {
    if (!success.value) return;
    const timer = setTimeout(() => (success.value = ''), 4_000);
    return () => clearTimeout(timer);
  });
  const part = NAMES.find(([name]) => name === route.value[0])?.[0] ?? 'conversations';
  const Shown = PARTS[part];
  return (
    <div id="app">
      <header>
        <a class="brand" href="#conversations">
          <img src="/icon.svg" alt="" width="24" height="24" />
          Onethread
        </a>
        <nav aria-label="Main navigation">
          {NAMES.map(([name, label]) => (
            <a key={name} href={`#${name}`} aria-current={name === part ? 'page' : undefined}>
              {label}
            </a>
          ))}
        </nav>
        <span class="soft" role="status">
          {connected.value ? '' : 'Reconnecting…'}
        </span>
        <span id="me" title={me.value!.email}>
          {me.value!.name || me.value!.email}
        </span>
        <button type="button" onClick={() => void logout()}>
          Log out
        </button>
      </header>
      <p id="trouble" class="error" role="alert" hidden={!trouble.value}>
        {trouble.value}{' '}
        <button type="button" class="quiet" onClick={() => (trouble.value = '')}>
          Dismiss
        </button>
      </p>
      <p id="success" role="status" hidden={!success.value}>
        {success.value}
      </p>
      <main>
        <Shown />
      </main>
    </div>
  );
}

effect(() => {
  const count = me.value ? unreadConversations.value : 0;
  document.title = count ? `(${count}) Inbox · Onethread` : 'Inbox · Onethread';
});
render(<Inbox />, document.body);
void whoAmI();
