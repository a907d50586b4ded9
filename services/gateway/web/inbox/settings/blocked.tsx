// IP addresses and networks that may not load the widget.
import { When } from '../../shared/text';
import { call } from '../login';
import { Field, Form } from '../forms';
import { Danger } from '../ui';
import { useList } from './load';

interface Blocked {
  id: string;
  address: string;
  reason: string;
  createdAt: string;
}

export function BlockedAddresses() {
  const { items, load } = useList<Blocked>('/blocked-addresses');
  const block = async (data: FormData) => {
    await call('POST', '/blocked-addresses', Object.fromEntries(data));
    await load();
  };
  return (
    <>
      <h1>Blocked addresses</h1>
      <p class="soft">
        The chat doesn’t load for these IP addresses. To block a contact, use Block in their
        profile.
      </p>
      <ul class="others">
        {items.value.map(({ id, address, reason, createdAt }) => (
          <li key={id} class="line">
            <span>
              <code>{address}</code> <bdi>{reason}</bdi>
            </span>
            <span class="soft small">
              Blocked <When at={createdAt} />
            </span>
            <Danger
              ask={`Unblock ${address}? The chat will load for it again.`}
              run={async () => (await call('DELETE', `/blocked-addresses/${id}`), load())}
            >
              Unblock
            </Danger>
          </li>
        ))}
      </ul>
      <div class="card">
        <Form onSend={block} label="Block">
          <Field
            label="IP address or range"
            hint="For example 203.0.113.7 or 2001:db8::/48."
            pointer="/address"
          >
            <input name="address" required autocomplete="off" />
          </Field>
          <Field label="Reason" pointer="/reason">
            <input name="reason" required maxLength={255} />
          </Field>
        </Form>
      </div>
    </>
  );
}
