// An invitation: its token, in the part of the address that no server sees, sets a password once.
import { useSignal } from '@preact/signals';
import { request } from '../shared/http';
import { Field, Form } from './ui';

export function Accept({ token }: { token: string }) {
  const done = useSignal(false);
  const send = async (data: FormData) => {
    await request('POST', '/v1/agents/accept', { body: { inviteToken: token, password: data.get('password') } });
    done.value = true;
  };
  return (
    <main id="login">
      <div class="card">
        <h1>Welcome to Onethread</h1>
        {done.value ? (
          <p role="status">
            Your password is set. <a href="#conversations">Log in</a>
          </p>
        ) : (
          <Form onSend={send} label="Set the password">
            <Field label="A new password" hint="At least 8 bytes long.">
              <input name="password" type="password" required minLength={8} autocomplete="new-password" />
            </Field>
          </Form>
        )}
      </div>
    </main>
  );
}
