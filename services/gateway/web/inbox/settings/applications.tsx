// Applications: one for each site or app that has the widget.
import { useSignal } from '@preact/signals';
import type { Application, PreChatField } from '../../shared/api';
import { call, success } from '../login';
import { Field, Form, GroupError } from '../forms';
import { Copy, Dialog, number } from '../ui';
import { useList } from './load';
import { LookFields, readLook, writeLook } from './look';

const FIELD_TYPES = [
  ['text', 'Text'],
  ['email', 'Email'],
  ['tel', 'Phone'],
];
const lines = (text: unknown) =>
  String(text ?? '')
    .split(/\s+/)
    .filter(Boolean);

export function Applications() {
  const { items, load } = useList<Application>('/applications');
  const adding = useSignal(false);
  const add = async (data: FormData) => {
    const number = String(data.get('applicationId') ?? '');
    await call('POST', '/applications', {
      name: data.get('name'),
      ...(number && {
        applicationId: Number(number),
        applicationSecret: data.get('applicationSecret'),
      }),
    });
    adding.value = false;
    await load();
  };
  return (
    <>
      <div class="line head">
        <h1>Applications</h1>
        <button type="button" onClick={() => (adding.value = true)}>
          Add application
        </button>
      </div>
      {items.value.map((application) => (
        <Card key={application.appId} application={application} load={load} />
      ))}
      {adding.value && (
        <Dialog title="Add application" onClose={() => (adding.value = false)}>
          <Form onSend={add} label="Add application">
            <Field label="Name" pointer="/name">
              <input name="name" required maxLength={255} />
            </Field>
            <Field
              label="Existing application ID (optional)"
              hint="Moving from HelpCrunch? Enter the ID and the secret of your current snippet, and you can keep it."
              pointer="/applicationId"
            >
              <input name="applicationId" inputMode="numeric" pattern="[0-9]*" />
            </Field>
            <Field label="Existing application secret (optional)" pointer="/applicationSecret">
              <input name="applicationSecret" autocomplete="off" />
            </Field>
          </Form>
        </Dialog>
      )}
    </>
  );
}

function Card({ application, load }: { application: Application; load: () => Promise<unknown> }) {
  const { appId, name, origins, preChat, look, snippet, refused = [] } = application;
  const fields = useSignal<PreChatField[]>(preChat.fields);
  const lookValues = useSignal(readLook(look));
  const save = async (data: FormData) => {
    await call('PATCH', `/applications/${appId}`, {
      name: data.get('name'),
      origins: lines(data.get('origins')),
      preChat: { enabled: data.get('enabled') === 'on', fields: fields.value },
      look: writeLook(look, lookValues.value),
    });
    success.value = 'Saved';
    await load();
  };
  const count = refused.reduce((sum, hour) => sum + hour.count, 0);
  return (
    <article class="card">
      <h2>
        <bdi>{name}</bdi>
      </h2>
      <h3>
        Snippet: paste it before <code>&lt;/body&gt;</code> in each page
      </h3>
      <pre tabIndex={0}>
        <code>{snippet}</code>
      </pre>
      <div>
        <Copy text={snippet} label="Copy snippet" />
      </div>
      {count > 0 && (
        <p>
          {number(count)} failed identity {count === 1 ? 'verification' : 'verifications'} in the
          last seven days, most recently at {new Date(refused[0]!.hour).toLocaleString()}.
        </p>
      )}
      <details>
        <summary>Edit settings</summary>
        <Form onSend={save} label="Save">
          <Field label="Name" pointer="/name">
            <input name="name" required maxLength={255} defaultValue={name} />
          </Field>
          <Field
            label="Allowed origins"
            hint="One per line, for example https://shop.example. Leave empty to allow all sites."
            pointer="/origins"
          >
            <textarea name="origins" rows={2} defaultValue={origins.join('\n')} />
          </Field>
          <LookFields values={lookValues} />
          <label class="check">
            <input type="checkbox" name="enabled" defaultChecked={preChat.enabled} /> Show a
            pre-chat form to visitors
          </label>
          <PreChat fields={fields.value} onChange={(changed) => (fields.value = changed)} />
        </Form>
      </details>
    </article>
  );
}

function PreChat({
  fields,
  onChange,
}: {
  fields: PreChatField[];
  onChange: (fields: PreChatField[]) => void;
}) {
  const set = (at: number, part: Partial<PreChatField>) =>
    onChange(fields.map((field, index) => (index === at ? { ...field, ...part } : field)));
  return (
    <fieldset>
      <legend>Form fields</legend>
      {fields.map((field, at) => (
        <div class="condition" key={at}>
          <input
            aria-label="Field"
            list="pre-chat-names"
            value={field.name}
            onInput={({ currentTarget }) => set(at, { name: currentTarget.value })}
          />
          <input
            aria-label="Label"
            value={field.label}
            onInput={({ currentTarget }) => set(at, { label: currentTarget.value })}
          />
          <select
            aria-label="Type"
            value={field.type}
            onChange={({ currentTarget }) => set(at, { type: currentTarget.value })}
          >
            {FIELD_TYPES.map(([type, label]) => (
              <option key={type} value={type}>
                {label}
              </option>
            ))}
          </select>
          <label class="check">
            <input
              type="checkbox"
              checked={field.required}
              onChange={({ currentTarget }) => set(at, { required: currentTarget.checked })}
            />{' '}
            Required
          </label>
          <button
            type="button"
            aria-label={`Remove ${field.label || field.name}`}
            onClick={() => onChange(fields.filter((_, index) => index !== at))}
          >
            ✕
          </button>
        </div>
      ))}
      <button
        type="button"
        onClick={() =>
          onChange([...fields, { name: '', label: '', type: 'text', required: false }])
        }
      >
        Add field
      </button>
      <datalist id="pre-chat-names">
        {['name', 'email', 'phone', 'company'].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
      <GroupError label="A field" pointer="/preChat" />
    </fieldset>
  );
}
