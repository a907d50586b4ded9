// Applications: one for each site or app that carries the widget.
import { useSignal } from '@preact/signals';
import type { Application, PreChatField } from '../../shared/api';
import { call, success } from '../login';
import { Copy, Dialog, Field, Form, number } from '../ui';
import { useList } from './load';

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
          Add
        </button>
      </div>
      {items.value.map((application) => (
        <One key={application.appId} application={application} load={load} />
      ))}
      {adding.value && (
        <Dialog title="Add an application" onClose={() => (adding.value = false)}>
          <Form onSend={add} label="Add">
            <Field label="Name">
              <input name="name" required maxLength={255} />
            </Field>
            <Field
              label="Old application id"
              hint="If its snippet stands in your pages already; else leave both empty."
            >
              <input name="applicationId" inputMode="numeric" pattern="[0-9]*" />
            </Field>
            <Field label="Old application secret">
              <input name="applicationSecret" autocomplete="off" />
            </Field>
          </Form>
        </Dialog>
      )}
    </>
  );
}

function One({ application, load }: { application: Application; load: () => Promise<unknown> }) {
  const { appId, name, origins, preChat, look, snippet, refused = [] } = application;
  const fields = useSignal<PreChatField[]>(preChat.fields);
  const save = async (data: FormData) => {
    const color = String(data.get('color') ?? '');
    await call('PATCH', `/applications/${appId}`, {
      name: data.get('name'),
      origins: lines(data.get('origins')),
      preChat: { enabled: data.get('enabled') === 'on', fields: fields.value },
      look: { ...look, color, side: data.get('side') },
    });
    success.value = 'Saved.';
    await load();
  };
  const count = refused.reduce((sum, hour) => sum + hour.count, 0);
  return (
    <article class="card">
      <h2>
        <bdi>{name}</bdi>
      </h2>
      <h3>The snippet, for before the end of each page's body</h3>
      <pre tabIndex={0}>
        <code>{snippet}</code>
      </pre>
      <div>
        <Copy text={snippet} label="Copy the snippet" />
      </div>
      {count > 0 && (
        <p>
          {number(count)} logins were refused or would have been; last at{' '}
          {new Date(refused[0]!.hour).toLocaleString()}.
        </p>
      )}
      <details>
        <summary>Change it</summary>
        <Form onSend={save} label="Save">
          <Field label="Name">
            <input name="name" required defaultValue={name} />
          </Field>
          <Field
            label="Origins"
            hint="Whose pages may start it, such as https://shop.example, one a line; none stands for all."
          >
            <textarea name="origins" rows={2} defaultValue={origins.join('\n')} />
          </Field>
          <Field label="Colour">
            <input
              name="color"
              type="color"
              defaultValue={typeof look.color === 'string' ? look.color : '#4338ca'}
            />
          </Field>
          <Field label="Side of the page">
            <select name="side" defaultValue={look.side === 'left' ? 'left' : 'right'}>
              <option>right</option>
              <option>left</option>
            </select>
          </Field>
          <label class="check">
            <input type="checkbox" name="enabled" defaultChecked={preChat.enabled} /> Ask visitors
            for these before they write
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
      <legend>Fields of the form</legend>
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
            {['text', 'email', 'tel'].map((type) => (
              <option key={type}>{type}</option>
            ))}
          </select>
          <label class="check">
            <input
              type="checkbox"
              checked={field.required}
              onChange={({ currentTarget }) => set(at, { required: currentTarget.checked })}
            />{' '}
            needed
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
        Add a field
      </button>
      <datalist id="pre-chat-names">
        {['name', 'email', 'phone', 'company'].map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </fieldset>
  );
}
