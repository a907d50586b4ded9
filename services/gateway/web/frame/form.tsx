// The pre-chat form, with the fields that the application asks for.
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import type { PreChatField as FormField, Session as Answer } from '../shared/api';
import { asProblem } from '../shared/http';
import { fillIn } from './chat';
import { fill, isolated, t } from './texts';

const AUTOCOMPLETE: Record<string, AutoFill> = {
  name: 'name',
  email: 'email',
  phone: 'tel',
  company: 'organization',
};
const DEFAULT_LABELS: Record<string, string[]> = {
  name: ['Name'],
  email: ['Email', 'E-mail'],
  phone: ['Phone'],
  company: ['Company'],
};
const INPUT_TYPES: Record<string, 'email' | 'tel'> = { email: 'email', tel: 'tel' };

export function Form({ form }: { form: Answer['preChat'] }) {
  const { fields, prefill } = form;
  const errors = useSignal<Record<string, string>>({});
  const failure = useSignal('');
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
    failure.value = '';
    const wrong = fields.filter(({ name }) => input(name).validity.valueMissing);
    if (wrong.length) return show(wrong);
    const answers: Record<string, string | null> = {};
    for (const { name } of fields) {
      const { value } = input(name);
      // A prefilled field that was emptied is cleared; one that was never filled in isn't sent.
      if (value) answers[name] = value;
      else if (prefill[name]) answers[name] = null;
    }
    sending.value = true;
    errors.value = {};
    try {
      await fillIn(answers);
    } catch (thrown) {
      // The server's error texts are for developers. The form has its own for each field, in the visitor's language.
      const named = asProblem(thrown)
        .fieldErrors('/fields')
        .map(([name]) => name);
      const rejected = fields.filter(({ name }) => named.includes(name));
      if (rejected.length) show(rejected);
      else failure.value = t.value.trouble;
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
      <p class="error" role="alert" hidden={!failure.value}>
        {failure.value}
      </p>
      <button type="submit" disabled={sending.value}>
        {t.value.start}
      </button>
    </form>
  );
}

type StandardField = keyof typeof t.value.fields;

/** The standard field that has this name or type, if any: it has its own label and error in each language. */
const standardField = ({ name, type }: FormField): StandardField | undefined =>
  [name, type === 'tel' ? 'phone' : type].find((one): one is StandardField =>
    Object.hasOwn(t.value.fields, one),
  );

function errorOf(field: FormField, value: string) {
  const kind = standardField(field);
  const { errors } = t.value;
  return kind ? errors[kind] : value.trim() ? errors.invalid : errors.required;
}

/** A default label is shown in the visitor's language, any other as the owner wrote it. */
const labelOf = ({ name, label }: FormField) => {
  const defaults = DEFAULT_LABELS[name];
  return defaults?.includes(label) ? t.value.fields[name as StandardField] : label;
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
        type={(INPUT_TYPES[type] ?? 'text') as 'text'}
        dir={type in INPUT_TYPES ? 'ltr' : undefined}
        required={required}
        defaultValue={value}
        autocomplete={AUTOCOMPLETE[name]}
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
