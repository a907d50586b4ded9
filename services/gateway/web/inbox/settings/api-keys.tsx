// API keys of the organization.
import { useSignal } from '@preact/signals';
import { When } from '../../shared/text';
import { call } from '../login';
import { Field, Form } from '../forms';
import { Danger, Secret } from '../ui';
import { useList } from './load';

export function ApiKeys() {
  const { items, load } = useList<{ id: string; name: string; createdAt: string }>('/api-keys');
  const created = useSignal('');
  const create = async (data: FormData) => {
    created.value = (
      await call<{ apiKey: string }>('POST', '/api-keys', Object.fromEntries(data))
    ).apiKey;
    await load();
  };
  return (
    <>
      <h1>API keys</h1>
      {created.value && <Secret what="Your new API key." text={created.value} />}
      <ul class="others">
        {items.value.map(({ id, name, createdAt }) => (
          <li key={id} class="line">
            <strong>
              <bdi>{name || 'Default key'}</bdi>
            </strong>
            <span class="soft small">
              Created <When at={createdAt} />
            </span>
            <Danger
              ask={`Revoke ${name || 'this key'}? Servers that use it lose access at once.`}
              run={async () => (await call('DELETE', `/api-keys/${id}`), load())}
            >
              Revoke
            </Danger>
          </li>
        ))}
      </ul>
      <div class="card">
        <Form onSend={create} label="Create key">
          <Field label="Name" hint="For example the server that uses it." pointer="/name">
            <input name="name" required maxLength={255} />
          </Field>
        </Form>
      </div>
    </>
  );
}
