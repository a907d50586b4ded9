// The password of the logged-in agent.
import { call, success } from '../login';
import { Field, Form } from '../forms';

export function Password() {
  const change = async (data: FormData) => {
    await call('POST', '/me/password', Object.fromEntries(data));
    success.value = 'Changed. Your other logins have ended.';
  };
  return (
    <>
      <h1>Password</h1>
      <div class="card">
        <Form onSend={change} label="Change it">
          <Field label="The one you have">
            <input name="password" type="password" required autocomplete="current-password" />
          </Field>
          <Field label="A new one" hint="At least 8 bytes long.">
            <input
              name="newPassword"
              type="password"
              required
              minLength={8}
              autocomplete="new-password"
            />
          </Field>
        </Form>
      </div>
    </>
  );
}
