// Webhooks, their events, and their recent deliveries.
import { useSignal } from '@preact/signals';
import type { WebhookDelivery, Webhook } from '../../shared/api';
import { When } from '../../shared/text';
import { attempt, call } from '../login';
import { Field, Form } from '../forms';
import { Danger, Secret } from '../ui';
import { useList } from './load';

const EVENTS = [
  'contact.created',
  'contact.updated',
  'contact.joined',
  'message.created',
  'conversation.closed',
];

export function Webhooks() {
  const { items, load } = useList<Webhook>('/webhooks');
  const secret = useSignal('');
  const add = async (data: FormData) => {
    const created = await call<Webhook & { secret: string }>('POST', '/webhooks', {
      url: data.get('url'),
      events: data.getAll('events'),
    });
    secret.value = created.secret;
    await load();
  };
  return (
    <>
      <h1>Webhooks</h1>
      {secret.value && <Secret what="Signing secret." text={secret.value} />}
      {items.value.map((webhook) => (
        <article class="card" key={webhook.id}>
          <div class="line head">
            <h2>{webhook.url}</h2>
            <Danger
              ask={`Delete the webhook to ${webhook.url}?`}
              run={async () => (await call('DELETE', `/webhooks/${webhook.id}`), load())}
            >
              Delete
            </Danger>
          </div>
          <p>{webhook.events.join(', ')}</p>
          <Deliveries id={webhook.id} />
        </article>
      ))}
      <div class="card">
        <h2>Add webhook</h2>
        <Form onSend={add} label="Add webhook">
          <Field label="Endpoint URL" pointer="/url">
            <input name="url" type="url" required placeholder="https://" />
          </Field>
          <fieldset>
            <legend>Events to send</legend>
            {EVENTS.map((event) => (
              <label class="check" key={event}>
                <input type="checkbox" name="events" value={event} /> {event}
              </label>
            ))}
          </fieldset>
        </Form>
      </div>
    </>
  );
}

function Deliveries({ id }: { id: string }) {
  const items = useSignal<WebhookDelivery[]>([]);
  const load = () =>
    attempt(
      async () =>
        void (items.value = (
          await call<{ items: WebhookDelivery[] }>('GET', `/webhooks/${id}/deliveries?limit=50`)
        ).items),
    );
  return (
    <details onToggle={({ currentTarget }) => currentTarget.open && void load()}>
      <summary>Deliveries</summary>
      {!items.value.length && <p class="soft">None in the last 30 days.</p>}
      <table>
        <tbody>
          {items.value.map((one) => (
            <tr key={one.id}>
              <th scope="row">{one.event}</th>
              <td>
                <span class={`chip ${one.state}`}>{one.state}</span>
              </td>
              <td>
                {one.attempts} {one.attempts === 1 ? 'attempt' : 'attempts'}
              </td>
              <td>{one.status ?? one.error}</td>
              <td>
                <When at={one.at ?? one.createdAt} />
              </td>
              <td>
                {one.nextAt && (
                  <>
                    next attempt <When at={one.nextAt} />
                  </>
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
