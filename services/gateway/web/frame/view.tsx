// What the chat shows, and what a person does there.
import { useComputed, useSignal, useSignalEffect } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import { lookOf, notice, session, visible } from './chat';
import { Composer } from './composer';
import { Form } from './form';
import { Messages } from './messages';
import { alone, tellPage } from './page-link';
import { t } from './texts';

const close = () => tellPage({ onethread: 'close' });
// A gap that is over at once isn't told.
const PATIENCE_MS = 3_000;

export function Chat() {
  const at = session.value;
  useEffect(() => {
    if (alone) return;
    const onKey = ({ key }: KeyboardEvent) => key === 'Escape' && close();
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  const color = lookOf(at?.settings.look).color;
  useEffect(() => {
    if (color) document.documentElement.style.setProperty('--brand', color);
    else document.documentElement.style.removeProperty('--brand');
  }, [color]);
  return (
    <>
      <header>
        <div>
          <h1>{t.value.title}</h1>
          <p id="who">{at?.contact.value.name && <bdi>{t.value.you(at.contact.value.name)}</bdi>}</p>
        </div>
        {!alone && (
          <button type="button" id="close" aria-label={t.value.close} onClick={close}>
            <svg viewBox="0 0 24 24" aria-hidden="true">
              <path d="M6 6l12 12M18 6L6 18" />
            </svg>
          </button>
        )}
      </header>
      <Notice />
      <main>{at && <Open key={at} />}</main>
    </>
  );
}

function Notice() {
  const away = useSignal(false);
  useSignalEffect(() => {
    const live = session.value?.live.value ?? true;
    away.value = false;
    if (live) return;
    const timer = setTimeout(() => (away.value = true), PATIENCE_MS);
    return () => clearTimeout(timer);
  });
  const text = notice.value || (away.value ? t.value.connecting : '');
  return (
    <p id="notice" role="status" hidden={!text}>
      {text}
    </p>
  );
}

/** The thread with the form or the composer below it. */
function Open() {
  const at = session.value!;
  const form = at.form.value;
  const scroller = useRef<HTMLDivElement>(null);
  const empty = useComputed(() => !at.thread.messages.value.length && !at.outbox.value.length);
  // Coming into sight, the first thing to fill in gets the focus.
  useSignalEffect(() => {
    if (!visible.value || !session.value || session.value.form.value === undefined) return;
    // After what changed is drawn.
    setTimeout(() => document.querySelector<HTMLElement>('#fields input, #text')?.focus());
  });
  return (
    <>
      <div id="scroller" role="group" tabIndex={0} aria-label={t.value.chat} ref={scroller}>
        <Messages at={at} scroller={scroller} />
        {form ? <Form form={form} /> : empty.value && <Hello />}
      </div>
      {!form && <Composer at={at} />}
    </>
  );
}

function Hello() {
  return (
    <div id="hello">
      <svg viewBox="0 0 24 24" aria-hidden="true">
        <path d="M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z" />
      </svg>
      <h2>{t.value.help}</h2>
      <p>{t.value.hello}</p>
    </div>
  );
}
