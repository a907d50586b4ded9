// The few pieces that all parts of the inbox are made of.
import { useSignal, type Signal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { attempt, explain, success } from './login';

/** A form that shows what went wrong below it, and is asleep while it is sent. */
export function Form(props: { onSend: (data: FormData) => Promise<unknown>; label: string; children: ComponentChildren; class?: string }) {
  const error = useSignal('');
  const sending = useSignal(false);
  const send = async (event: Event) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    sending.value = true;
    error.value = '';
    try {
      await props.onSend(new FormData(form));
    } catch (problem) {
      error.value = explain(problem);
    }
    sending.value = false;
  };
  return (
    <form class={props.class ?? 'stack'} onSubmit={send}>
      {props.children}
      <p class="error" role="alert" hidden={!error.value}>
        {error.value}
      </p>
      <div>
        <button type="submit" class="main" disabled={sending.value}>
          {props.label}
        </button>
      </div>
    </form>
  );
}

export function Field({ label, hint, children }: { label: string; hint?: string; children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{label}</span>
      {children}
      {hint && <small class="soft">{hint}</small>}
    </label>
  );
}

/** A button that asks first. */
export function Danger({ ask, run, children }: { ask: string; run: () => Promise<unknown>; children: ComponentChildren }) {
  return (
    <button type="button" class="danger" onClick={() => confirm(ask) && void attempt(run)}>
      {children}
    </button>
  );
}

/** A text to copy. */
export function Copy({ text, label = 'Copy' }: { text: string; label?: string }) {
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    success.value = 'Copied.';
  };
  return (
    <button type="button" onClick={() => void attempt(copy)}>
      {label}
    </button>
  );
}

/** Something shown this once. */
export function Secret({ what, text }: { what: string; text: string }) {
  return (
    <div class="secret" role="status">
      <p>
        {what} Copy it now: it is shown this once.
      </p>
      <div class="line">
        <code>{text}</code>
        <Copy text={text} />
      </div>
    </div>
  );
}

/** A dialog over the page; open while it is there. */
export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => box.current!.showModal(), []);
  return (
    <dialog ref={box} aria-label={title} onClose={onClose}>
      <header class="line">
        <h2>{title}</h2>
        <button type="button" aria-label="Close" onClick={() => box.current!.close()}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}

/**
 * A list of rows of one height: only those in sight are in the page.
 * `onEnd` is called when the last row comes near.
 */
export function Rows<T>(props: {
  id: string;
  label: string;
  items: T[];
  height: number;
  row: (item: T) => JSX.Element;
  onEnd?: () => void;
  scroll: Signal<number>;
}) {
  const { items, height, row, onEnd, scroll } = props;
  const box = useRef<HTMLDivElement>(null);
  const tall = useSignal(800);
  useEffect(() => {
    const element = box.current!;
    const watch = new ResizeObserver(() => (tall.value = element.clientHeight));
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  const first = Math.max(0, Math.floor(scroll.value / height) - 5);
  const last = Math.min(items.length, Math.ceil((scroll.value + tall.value) / height) + 5);
  useEffect(() => {
    if (last >= items.length - 10) onEnd?.();
  }, [last, items.length]);
  return (
    <div class="rows" ref={box} tabIndex={0} role="group" aria-label={props.label} onScroll={({ currentTarget }) => (scroll.value = currentTarget.scrollTop)}>
      <ul id={props.id} style={{ height: `${items.length * height}px` }}>
        {items.slice(first, last).map((item, index) => (
          <li key={(item as { id: string }).id} style={{ top: `${(first + index) * height}px`, height: `${height}px` }}>
            {row(item)}
          </li>
        ))}
      </ul>
    </div>
  );
}

export const number = (value: number) => value.toLocaleString();
