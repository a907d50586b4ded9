// The form before the chat, by the application's fields.
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { PreChatField as FormField, Session as Answer } from '../shared/api';
import { asProblem } from '../shared/http';
import { fillIn } from './chat';
import { fill, isolated, t } from './texts';

const COMPLETE: Record<string, AutoFill> = {
  name: 'name',
  email: 'email',
  phone: 'tel',
  company: 'organization',
};
const ENGLISH: Record<string, string[]> = {
  name: ['Name'],
  email: ['Email', 'E-mail'],
  phone: ['Phone'],
  company: ['Company'],
};
const TYPES: Record<string, 'email' | 'tel'> = { email: 'email', tel: 'tel' };

export function Form({ form }: { form: Answer['preChat'] }) {
  const { fields, prefill } = form;
  const errors = useSignal<Record<string, string>>({});
  const rest = useSignal('');
  const sending = useSignal(false);
  const element = useRef<HTMLFormElement>(null);

  const input = (name: string) => element.current!.elements.namedItem(name) as HTMLInputElement;
  const show = (wrong: FormField[]) => {
    errors.value = Object.fromEntries(
      wrong.map((field) => [field.name, errorOf(field, input(field.name).value)]),
    );
    requestAnimationFrame(() =>
      element.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus(),
    );
  };

  const send = async (event: Event) => {
    event.preventDefault();
    rest.value = '';
    const wrong = fields.filter(({ name }) => input(name).validity.valueMissing);
    if (wrong.length) return show(wrong);
    const answers: Record<string, string | null> = {};
    for (const { name } of fields) {
      const { value } = input(name);
      // One that was prefilled and emptied is cleared; one never filled in isn't said.
      if (value) answers[name] = value;
      else if (prefill[name]) answers[name] = null;
    }
    sending.value = true;
    errors.value = {};
    try {
      await fillIn(answers);
    } catch (thrown) {
      // What the server says is for developers; which field it means is enough to say it in the person's language.
      const named = asProblem(thrown)
        .fieldErrors('/fields')
        .map(([name]) => name);
      const refused = fields.filter(({ name }) => named.includes(name));
      if (refused.length) show(refused);
      else rest.value = t.value.trouble;
    }
    sending.value = false;
  };

  return (
    <form id="form" ref={element} noValidate onSubmit={send}>
      <p>{t.value.introduce}</p>
      <div id="fields">
        {fields.map((field) => (
          <Field
            key={field.name}
            field={field}
            value={prefill[field.name] ?? ''}
            error={errors.value[field.name]}
          />
        ))}
      </div>
      <p class="error" role="alert" hidden={!rest.value}>
        {rest.value}
      </p>
      <button type="submit" disabled={sending.value}>
        {t.value.start}
      </button>
    </form>
  );
}

type Known = keyof typeof t.value.fields;

/** A field of its name or of its type, which has texts of its own. */
const known = ({ name, type }: FormField): Known | undefined =>
  [name, type === 'tel' ? 'phone' : type].find((one): one is Known =>
    Object.hasOwn(t.value.fields, one),
  );

function errorOf(field: FormField, value: string) {
  const kind = known(field);
  const { errors } = t.value;
  return kind ? errors[kind] : value.trim() ? errors.invalid : errors.required;
}

/** The labels that a form has unless its owner writes others are shown in the person's language. */
const labelOf = ({ name, label }: FormField) => {
  const usual = ENGLISH[name];
  return usual?.includes(label) ? t.value.fields[name as Known] : label;
};

function Field({ field, value, error }: { field: FormField; value: string; error?: string }) {
  const { name, type, required } = field;
  const id = `field-${name}`;
  const label = labelOf(field);
  return (
    <div>
      <label for={id}>
        {required ? label : fill(t.value.optional, { label: isolated(label) })}
      </label>
      <input
        id={id}
        name={name}
        type={(TYPES[type] ?? 'text') as 'text'}
        dir={type in TYPES ? 'ltr' : undefined}
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
