// The team: agents, their roles, and invitations.
import { useSignal } from '@preact/signals';
import type { ListedAgent } from '../../shared/api';
import { attempt, call, loadTeam, me } from '../login';
import { Field, Form } from '../forms';
import { Avatar, Danger, Secret } from '../ui';
import { useList } from './load';

export function Agents() {
  const { items, load } = useList<ListedAgent>('/agents');
  const invited = useSignal<{ email: string; link: string } | null>(null);
  const reload = async () => {
    await load();
    await loadTeam();
  };
  // The token is in the fragment of the address, which browsers don't send to servers.
  const show = ({ email, inviteToken }: { email: string; inviteToken: string }) => {
    invited.value = {
      email,
      link: `${location.origin}/inbox#accept/${encodeURIComponent(inviteToken)}`,
    };
  };
  const invite = async (data: FormData) => {
    show(await call('POST', '/agents', Object.fromEntries(data)));
    await reload();
  };
  // A reload would clear the error, so it comes after a success only.
  const changeRole = ({ id, role }: ListedAgent, select: HTMLSelectElement) =>
    attempt(async () => {
      try {
        await call('PATCH', `/agents/${id}`, { role: select.value });
      } catch (error) {
        select.value = role;
        throw error;
      }
      await reload();
    });
  return (
    <>
      <h1>Team</h1>
      {invited.value && (
        <Secret
          what={`Invitation link for ${invited.value.email}. It works once, within seven days.`}
          text={invited.value.link}
        />
      )}
      <div class="table" tabIndex={0} role="group" aria-label="The team">
        <table>
          <thead>
            <tr>
              {['Name', 'Email', 'Role', 'Status', ''].map((name) => (
                <th key={name} scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {items.value.map((agent) => (
              <tr key={agent.id}>
                <th scope="row">
                  <span class="person">
                    <Avatar id={agent.id} name={agent.name || agent.email} />
                    <bdi>{agent.name}</bdi>
                  </span>
                </th>
                <td>{agent.email}</td>
                <td>
                  <select
                    aria-label={`Role of ${agent.email}`}
                    value={agent.role}
                    onChange={({ currentTarget }) => void changeRole(agent, currentTarget)}
                  >
                    <option>owner</option>
                    <option>agent</option>
                  </select>
                </td>
                <td>
                  <span class={`chip ${agent.state === 'active' ? 'done' : ''}`}>
                    {agent.state}
                  </span>
                </td>
                <td>
                  {agent.id !== me.value?.id && (
                    <span class="both">
                      <Danger
                        ask={`Reset the password of ${agent.email}? They are logged out and need the new invitation link.`}
                        run={async () => (
                          show(await call('POST', `/agents/${agent.id}/reset`, {})),
                          reload()
                        )}
                      >
                        Reset
                      </Danger>
                      <Danger
                        ask={`Remove ${agent.email}?`}
                        run={async () => (await call('DELETE', `/agents/${agent.id}`), reload())}
                      >
                        Remove
                      </Danger>
                    </span>
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <div class="card">
        <h2>Invite a teammate</h2>
        <Form onSend={invite} label="Invite">
          <Field label="Email" pointer="/email">
            <input name="email" type="email" required />
          </Field>
          <Field label="Name" pointer="/name">
            <input name="name" required />
          </Field>
          <Field label="Role">
            <select name="role">
              <option>agent</option>
              <option>owner</option>
            </select>
          </Field>
        </Form>
      </div>
    </>
  );
}
