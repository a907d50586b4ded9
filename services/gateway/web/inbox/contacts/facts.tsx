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
  security_hash: 'Identity proven by security hash',
  hmac: 'Identity proven by user hash',
  jwt: 'Identity proven by JWT',
};
/** How the contact was created. */
export const SOURCES: Record<Contact['source'], string> = {
  identified: 'logged in on the site',
  'pre-chat': 'filled in the form',
  import: 'imported',
  agent: 'added by an agent',
  api: 'added by the API',
  visitor: 'visitor',
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
        {PROOFS[contact.verified] ??
          (contact.userId ? 'Identity only said, not proven' : 'Not logged in')}
      </p>
      <Facts
        rows={[
          ['Email', contact.email],
          ['Phone', contact.phone],
          ['Company', contact.company],
          ['User ID', contact.userId],
          ['Tags', tags.join(', ')],
          ['Came in', SOURCES[contact.source]],
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
          ['Visits', contact.sessions || ''],
          ['Page', page?.title],
          ['Address', page?.url && <Text text={page.url} />],
          ['Came from', page?.referrer && <Text text={page.referrer} />],
          ['Platform', contact.platform],
          ['Browser', contact.browser],
          ['System', contact.system],
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
    success.value = 'Erased, with the whole thread.';
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
          Reset the claim
        </button>
      )}
      <Danger
        ask={`Erase ${contact.name} and the whole thread, everywhere? This can't be undone.`}
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
    <Dialog title="Edit the person" onClose={onClose}>
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
        <Field label="Tags" hint="With commas between them.">
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
      'The claim is reset: the next security hash that comes for this person becomes it.';
    onClose();
  };
  return (
    <Dialog title="Reset the claim" onClose={onClose}>
      <p>
        Do this when the site sends another security hash for this person than it once did. Whoever
        sends one next holds the claim.
      </p>
      <Form onSend={send} label="Reset">
        <Field label="Reason" hint="It stands in the audit log.">
          <input name="reason" required maxLength={1024} />
        </Field>
      </Form>
    </Dialog>
  );
}
