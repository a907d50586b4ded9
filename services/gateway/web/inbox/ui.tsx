// Components that all parts of the inbox use.
import { useSignal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Problem } from '../shared/http';
import { attempt, success } from './login';

/** A button with a confirmation dialog. */
export function Danger({
  ask,
  run,
  children,
}: {
  ask: string;
  run: () => Promise<unknown>;
  children: string;
}) {
  const asking = useSignal(false);
  const close = () => (asking.value = false);
  return (
    <>
      <button type="button" class="danger" onClick={() => (asking.value = true)}>
        {children}
      </button>
      {asking.value && (
        <Dialog title={children} onClose={close}>
          <p>{ask}</p>
          <div class="line ends">
            <button type="button" onClick={close}>
              Cancel
            </button>
            <button
              type="button"
              class="main danger"
              onClick={() => {
                close();
                void attempt(run);
              }}
            >
              {children}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}

const HUES = 6;

/** The initials of a name, in a color that depends on the id. */
export function Avatar({ id, name }: { id: string; name: string }) {
  const letters = name
    .split(/\s+/)
    .map((word) => [...word].find((letter) => /[\p{L}\p{N}]/u.test(letter)) ?? '');
  const hue = [...id].reduce((sum, letter) => sum + letter.codePointAt(0)!, 0) % HUES;
  return (
    <span class={`avatar hue-${hue}`} aria-hidden="true">
      {letters.filter(Boolean).slice(0, 2).join('').toLocaleUpperCase()}
    </span>
  );
}

function copyBySelection(text: string) {
  const box = Object.assign(document.createElement('textarea'), {
    value: text,
    className: 'unseen',
  });
  (document.querySelector('dialog[open]') ?? document.body).append(box);
  box.select();
  const copied = document.execCommand('copy');
  box.remove();
  if (!copied)
    throw new Problem(0, {
      detail: 'Couldn’t copy. Select the text and press Ctrl+C.',
    });
}

/** A button that copies a text. */
export function Copy({ text, label = 'Copy' }: { text: string; label?: string }) {
  const copy = async () => {
    // Over plain HTTP browsers don't offer the clipboard API.
    if (navigator.clipboard) await navigator.clipboard.writeText(text);
    else copyBySelection(text);
    success.value = 'Copied';
  };
  return (
    <button type="button" onClick={() => void attempt(copy)}>
      {label}
    </button>
  );
}

/** A secret that is shown only once. */
export function Secret({ what, text }: { what: string; text: string }) {
  return (
    <div class="secret" role="status">
      <p>{what} Copy it now: it won’t be shown again.</p>
      <div class="line">
        <code>{text}</code>
        <Copy text={text} />
      </div>
    </div>
  );
}

/** A modal dialog, open while it is rendered. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}) {
  const box = useRef<HTMLDialogElement>(null);
  useEffect(() => {
    // When the dialog closes, the focus returns to the element that had it, unless it has moved since.
    const before = document.activeElement as HTMLElement | null;
    box.current!.showModal();
    return () => void setTimeout(() => document.activeElement === document.body && before?.focus());
  }, []);
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

export const number = (value: number) => value.toLocaleString();
