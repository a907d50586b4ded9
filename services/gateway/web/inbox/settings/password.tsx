// The password of the logged-in agent.
import { call, success } from '../login';
import { Field, Form } from '../forms';

export function Password() {
  const change = async (data: FormData) => {
    await call('POST', '/me/password', Object.fromEntries(data));
    success.value = 'Password changed. You’ve been logged out everywhere else.';
  };
  return (
    <>
      <h1>Password</h1>
      <div class="card">
        <Form onSend={change} label="Change password">
          <Field label="Current password" pointer="/password">
            <input name="password" type="password" required autocomplete="current-password" />
          </Field>
          <Field label="New password" hint="At least 8 characters." pointer="/newPassword">
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
