// The form before the chat, by the application's fields.
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { FormField, Session as Answer } from '../shared/api';
import { asProblem } from '../shared/http';
import { fillIn } from './chat';
import { t } from './texts';

const COMPLETE: Record<string, AutoFill> = { name: 'name', email: 'email', phone: 'tel', company: 'organization' };
const TYPES: Record<string, 'email' | 'tel'> = { email: 'email', tel: 'tel' };

export function Form({ form }: { form: Answer['preChat'] }) {
  const { fields, prefill } = form;
  const errors = useSignal<Record<string, string>>({});
  const rest = useSignal('');
  const sending = useSignal(false);
  const element = useRef<HTMLFormElement>(null);

  const send = async (event: Event) => {
    event.preventDefault();
    const said: Record<string, string | null> = {};
    for (const { name } of fields) {
      const value = (element.current!.elements.namedItem(name) as HTMLInputElement).value;
      // One that was prefilled and emptied is cleared; one never filled in isn't said.
      if (value) said[name] = value;
      else if (prefill[name]) said[name] = null;
    }
    sending.value = true;
    errors.value = {};
    rest.value = '';
    try {
      await fillIn(said);
    } catch (thrown) {
      const problem = asProblem(thrown);
      const told = problem.fieldErrors('/fields');
      const at = (name: string | null) => fields.some((field) => field.name === name);
      errors.value = Object.fromEntries(told.filter(([name]) => at(name)));
      rest.value = told.filter(([name]) => !at(name)).map(([, detail]) => detail).join(' ') || (told.length ? '' : problem.message);
      requestAnimationFrame(() => element.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus());
    }
    sending.value = false;
  };

  return (
    <form id="form" ref={element} onSubmit={send}>
      <p>{t.value.before}</p>
      <div id="fields">
        {fields.map((field) => (
          <Field key={field.name} field={field} value={prefill[field.name] ?? ''} error={errors.value[field.name]} />
        ))}
      </div>
      <p class="error" role="alert" hidden={!rest.value}>
        {rest.value}
      </p>
      <button type="submit" disabled={sending.value}>
        {t.value.begin}
      </button>
    </form>
  );
}

function Field({ field, value, error }: { field: FormField; value: string; error?: string }) {
  const { name, type, required } = field;
  const id = `field-${name}`;
  const label = t.value.fields[field.label] ?? field.label;
  return (
    <div>
      <label for={id}>{required ? label : t.value.optional(label)}</label>
      <input
        id={id}
        name={name}
        type={(TYPES[type] ?? 'text') as 'text'}
        required={required}
        defaultValue={value}
        autocomplete={COMPLETE[name]}
        aria-invalid={error ? 'true' : undefined}
        aria-describedby={error ? `${id}-error` : undefined}
      />
      {error && (
        <p id={`${id}-error`} class="error">
          {error}
        </p>
      )}
    </div>
  );
}
