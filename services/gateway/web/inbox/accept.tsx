// Accepts an invitation: sets a password and logs in. Its token is in the fragment, which browsers don't send to servers.
import type { Agent } from '../shared/api';
import { request } from '../shared/http';
import { enter } from './login';
import { go } from './route';
import { Field, Form } from './forms';

export function Accept({ token }: { token: string }) {
  const send = async (data: FormData) => {
    const body = { inviteToken: token, password: data.get('password') };
    enter((await request<{ agent: Agent }>('POST', '/v1/agents/accept', { body })).agent);
    go('conversations');
  };
  return (
    <main id="login">
      <div class="card">
        <h1>Welcome to Onethread</h1>
        <p class="soft">Choose a password. You’ll log in with it and your email.</p>
        <Form onSend={send} label="Set password">
          <Field label="Password" hint="At least 8 characters.">
            <input
              name="password"
              type="password"
              required
              minLength={8}
              autocomplete="new-password"
            />
          </Field>
        </Form>
      </div>
    </main>
  );
}
