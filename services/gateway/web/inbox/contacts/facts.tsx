// The details of a contact, and the actions on it.
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import type { Contact } from '../../shared/api';
import { Text, When } from '../../shared/text';
import { attempt, call, me, success } from '../login';
import { go } from '../route';
import { Field, Form } from '../forms';
import { Danger, Dialog } from '../ui';

const PROOFS: Record<string, string> = {
  security_hash: 'Verified by security hash',
  hmac: 'Verified by user hash',
  jwt: 'Verified by JWT',
};
/** How the contact was created. */
export const SOURCES: Record<Contact['source'], string> = {
  identified: 'Identified on site',
  'pre-chat': 'Pre-chat form',
  import: 'CSV import',
  agent: 'Added by an agent',
  api: 'API',
  visitor: 'Anonymous visitor',
};

interface Props {
  contact: Contact;
  onChange: (contact: Contact) => void;
}

export function PersonFacts({ contact, onChange }: Props) {
  const { page, devices, events, customData, tags } = contact;
  return (
    <>
      <h2>
        <bdi>{contact.name}</bdi>
      </h2>
      <p class={contact.verified === 'none' ? 'soft small' : 'proven small'}>
        {PROOFS[contact.verified] ?? (contact.userId ? 'Unverified' : 'Anonymous')}
      </p>
      <Facts
        rows={[
          ['Email', contact.email],
          ['Phone', contact.phone],
          ['Company', contact.company],
          ['User ID', contact.userId],
          ['Tags', tags.join(', ')],
          ['Source', SOURCES[contact.source]],
          ['Blocked', contact.blocked && 'yes'],
        ]}
      />
      <Actions contact={contact} onChange={onChange} />
      <Facts
        title="Attributes"
        rows={Object.entries(customData).map(([key, value]) => [key, String(value)])}
      />
      <Facts
        title="Activity"
        rows={[
          ['First seen', contact.firstSeenAt && <When at={contact.firstSeenAt} />],
          ['Last seen', contact.lastSeenAt && <When at={contact.lastSeenAt} />],
          ['Sessions', contact.sessions || ''],
          ['Last page', page?.title],
          ['URL', page?.url && <Text text={page.url} />],
          ['Referrer', page?.referrer && <Text text={page.referrer} />],
          ['Platform', contact.platform],
          ['Browser', contact.browser],
          ['Operating system', contact.system],
          ['Language', contact.locale],
          ['Time zone', contact.timeZone],
        ]}
      />
      <Facts
        title="Devices"
        rows={devices.map(({ platform, lastSeenAt }) => [
          platform,
          lastSeenAt && <When at={lastSeenAt} />,
        ])}
      />
      <Facts
        title="Events"
        rows={events.map(({ name, createdAt }) => [name, <When at={createdAt} />])}
      />
    </>
  );
}

function Facts({ title, rows }: { title?: string; rows: [string, ComponentChildren][] }) {
  const filled = rows.filter(([, value]) => value);
  if (!filled.length) return null;
  return (
    <>
      {title && <h3>{title}</h3>}
      <dl>
        {filled.map(([key, value], index) => [
          <dt key={`key ${index}`}>{key}</dt>,
          <dd key={`value ${index}`} dir="auto">
            {value}
          </dd>,
        ])}
      </dl>
    </>
  );
}

function Actions({ contact, onChange }: Props) {
  const editing = useSignal(false);
  const resetting = useSignal(false);
  const { id, blocked } = contact;
  const change = async (body: Record<string, unknown>) =>
    onChange(await call<Contact>('PATCH', `/contacts/${id}`, body));
  const erase = async () => {
    await call('DELETE', `/contacts/${id}`);
    success.value = 'Contact and conversation erased.';
    go('contacts');
  };
  return (
    <div class="actions">
      <button type="button" onClick={() => (editing.value = true)}>
        Edit
      </button>
      <button type="button" onClick={() => void attempt(() => change({ blocked: !blocked }))}>
        {blocked ? 'Unblock' : 'Block'}
      </button>
      {me.value?.role === 'owner' && contact.userId && (
        <button type="button" onClick={() => (resetting.value = true)}>
          Reset claim
        </button>
      )}
      <Danger
        ask={`Erase ${contact.name} and the whole conversation? You can’t undo this.`}
        run={erase}
      >
        Erase
      </Danger>
      {editing.value && (
        <Edit contact={contact} onClose={() => (editing.value = false)} change={change} />
      )}
      {resetting.value && <Reset id={id} onClose={() => (resetting.value = false)} />}
    </div>
  );
}

function Edit({
  contact,
  change,
  onClose,
}: {
  contact: Contact;
  change: (body: Record<string, unknown>) => Promise<void>;
  onClose: () => void;
}) {
  const send = async (data: FormData) => {
    const text = (name: string) => String(data.get(name) ?? '').trim() || null;
    const tags = String(data.get('tags') ?? '')
      .split(',')
      .map((tag) => tag.trim())
      .filter(Boolean);
    const body: Record<string, unknown> = {
      email: text('email'),
      phone: text('phone'),
      company: text('company'),
      tags,
    };
    // A generated name stays generated unless a real one is given.
    if (text('name') !== contact.name) body.name = text('name');
    await change(body);
    onClose();
  };
  return (
    <Dialog title="Edit contact" onClose={onClose}>
      <Form onSend={send} label="Save">
        <Field label="Name">
          <input name="name" defaultValue={contact.name} />
        </Field>
        <Field label="Email">
          <input name="email" type="email" defaultValue={contact.email ?? ''} />
        </Field>
        <Field label="Phone">
          <input name="phone" defaultValue={contact.phone ?? ''} />
        </Field>
        <Field label="Company">
          <input name="company" defaultValue={contact.company ?? ''} />
        </Field>
        <Field label="Tags" hint="Separate them with commas.">
          <input name="tags" defaultValue={contact.tags.join(', ')} />
        </Field>
      </Form>
    </Dialog>
  );
}

function Reset({ id, onClose }: { id: string; onClose: () => void }) {
  const send = async (data: FormData) => {
    await call('DELETE', `/contacts/${id}/security-hash`, { reason: data.get('reason') });
    success.value =
      'Claim reset. The next security hash for this contact will be accepted and required from then on.';
    onClose();
  };
  return (
    <Dialog title="Reset claim" onClose={onClose}>
      <p>
        Use this if your site changed the security hash of this contact. The next hash that it sends
        will be accepted and required from then on.
      </p>
      <Form onSend={send} label="Reset">
        <Field label="Reason" hint="Shown in the audit log.">
          <input name="reason" required maxLength={1024} />
        </Field>
      </Form>
    </Dialog>
  );
}
