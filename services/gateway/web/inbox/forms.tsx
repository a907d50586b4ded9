// Forms whose errors appear beside the fields that they are about.
import { signal, useSignal, type Signal } from '@preact/signals';
import { cloneElement, createContext, isValidElement, type ComponentChildren } from 'preact';
import { useContext, useId, useMemo, useRef } from 'preact/hooks';
import { asProblem, type FieldError, type Problem } from '../shared/http';
import { explain } from './login';

interface FormErrors {
  /** JSON pointers of the fields that show their own errors. */
  pointers: Set<string>;
  errors: Signal<FieldError[]>;
}

const Errors = createContext<FormErrors | null>(null);

const covers = (pointer: string, { pointer: at = '' }: FieldError) =>
  at === pointer || at.startsWith(`${pointer}/`);

/** A form that shows what went wrong, keeps what was typed, and can't be sent twice at the same time. */
export function Form(props: {
  onSend: (data: FormData) => Promise<unknown>;
  label: string;
  children: ComponentChildren;
  class?: string;
}) {
  const form = useRef<HTMLFormElement>(null);
  const context = useMemo<FormErrors>(() => ({ pointers: new Set(), errors: signal([]) }), []);
  const summary = useSignal('');
  const sending = useSignal(false);
  const show = (problem: Problem) => {
    const { errors = [] } = problem.body;
    const placed = errors.filter((error) =>
      [...context.pointers].some((pointer) => covers(pointer, error)),
    );
    context.errors.value = placed;
    // An error that no field shows is in the summary, by its pointer.
    const rest = errors.filter((error) => !placed.includes(error));
    summary.value =
      placed.length && !rest.length ? 'Fix the fields marked above.' : explain(problem, rest);
    requestAnimationFrame(() =>
      form.current?.querySelector<HTMLElement>('[aria-invalid]')?.focus(),
    );
  };
  const send = async (event: Event) => {
    event.preventDefault();
    sending.value = true;
    summary.value = '';
    context.errors.value = [];
    try {
      await props.onSend(new FormData(form.current!));
    } catch (thrown) {
      show(asProblem(thrown));
    }
    sending.value = false;
  };
  return (
    <Errors.Provider value={context}>
      <form class={props.class ?? 'stack'} ref={form} onSubmit={send}>
        {props.children}
        <p class="error" role="alert" hidden={!summary.value}>
          {summary.value}
        </p>
        <div>
          <button type="submit" class="main" disabled={sending.value}>
            {props.label}
          </button>
        </div>
      </form>
    </Errors.Provider>
  );
}

/** The error of the field with this JSON pointer in the request's body, with the label as its subject. */
function useFieldError(pointer: string | undefined, label: string) {
  const context = useContext(Errors);
  if (!context || !pointer) return undefined;
  context.pointers.add(pointer);
  const detail = context.errors.value.find((error) => covers(pointer, error))?.detail;
  // The server's details are predicates without a subject, for example "is missing".
  return detail && (detail.endsWith('.') ? detail : `${label} ${detail}.`);
}

/** `pointer` is where the value is in the request's body, for example `/name`. */
export function Field({
  label,
  hint,
  pointer,
  children,
}: {
  label: string;
  hint?: string;
  pointer?: string;
  children: ComponentChildren;
}) {
  const id = useId();
  const error = useFieldError(pointer, label);
  const described = [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ');
  const attributes = {
    ...(error && { 'aria-invalid': 'true' }),
    ...(described && { 'aria-describedby': described }),
  };
  return (
    <div class="field">
      <label class="field">
        <span>{label}</span>
        {isValidElement(children) ? cloneElement(children, attributes) : children}
      </label>
      {hint && (
        <small id={`${id}-hint`} class="soft">
          {hint}
        </small>
      )}
      {error && (
        <p id={`${id}-error`} class="error small">
          {error}
        </p>
      )}
    </div>
  );
}

/** The error of a group of fields, for example all below `/preChat`. */
export function GroupError({ label, pointer }: { label: string; pointer: string }) {
  const error = useFieldError(pointer, label);
  return error ? <p class="error small">{error}</p> : null;
}
