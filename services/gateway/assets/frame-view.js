// What the chat's frame shows, and what a person does there. Knows no server and no session.
// Text of people is only ever set as text, never as markup.
import { make, part, say, show, when } from '/dom.js';

const CONNECTING = 'Connecting…';
let offline; // timer of that notice
let seenTo = 0; // the other side has read up to this number
let onFormSent = () => {};
let onRetryAsked = () => {};

// --- the whole ---

/** Takes everything of a person off the screen. */
export function clear() {
  clearTimeout(offline);
  seenTo = 0;
  clearThread();
  part('pending').replaceChildren();
  part('fields').replaceChildren();
  part('text').value = '';
  part('who').textContent = '';
  for (const id of ['form', 'composer', 'hello', 'earlier']) show(id, false);
  for (const id of ['notice', 'form-error', 'text-error']) say(id, '');
}

export function clearThread() {
  part('thread').replaceChildren();
}

/** Shows the form where there is one, else the thread with its composer. */
export function chat({ contact, form, earlier: more }) {
  who(contact);
  show('form', Boolean(form));
  show('composer', !form);
  earlier(more);
  if (form) drawForm(form);
  greet();
  toEnd();
}

export function ended() {
  say('notice', 'This chat has ended. Load the page again to go on.');
}

export function notice(text) {
  say('notice', text);
}

/** Tells while the live stream is away; a short gap isn't told. */
export function online(live) {
  clearTimeout(offline);
  if (!live) offline = setTimeout(() => say('notice', CONNECTING), 3000);
  else if (part('notice').textContent === CONNECTING) say('notice', '');
}

export function who({ name }) {
  part('who').textContent = name ? `You are ${name}` : '';
}

/** The frame came into sight: the first thing to fill in gets the focus. */
export function enter() {
  toEnd();
  const first = part('form').hidden ? part('text') : part('fields').querySelector('input');
  first?.focus();
}

function greet() {
  const empty = !part('thread').childElementCount && !part('pending').childElementCount;
  show('hello', empty && !part('composer').hidden);
}

// --- the thread ---

const scroller = part('scroller');
const atEnd = () => scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
const toEnd = () => (scroller.scrollTop = scroller.scrollHeight);

function row(message) {
  const { author, kind, text, createdAt, seq } = message;
  const mine = author.kind === 'contact';
  const under = make('p', { className: 'small' });
  if (kind !== 'event') under.append(...(mine || !author.name ? [] : [`${author.name} · `]), when(createdAt));
  const item = make('li', { className: kind === 'event' ? 'event' : mine ? 'mine' : '' }, make('p', { className: 'text', textContent: text }), under);
  item.dataset.seq = seq;
  return item;
}

export function append(messages) {
  const follow = atEnd() || messages.some(({ author }) => author.kind === 'contact');
  part('thread').append(...messages.map(row));
  greet();
  markSeen();
  if (follow) toEnd();
}

export function prepend(messages) {
  const height = scroller.scrollHeight;
  part('thread').prepend(...messages.map(row));
  scroller.scrollTop += scroller.scrollHeight - height;
}

export function earlier(more) {
  show('earlier', more);
}

/** The other side has read up to `seq`. */
export function seen(seq) {
  seenTo = Math.max(seenTo, seq);
  markSeen();
}

function markSeen() {
  part('thread').querySelector('.seen')?.remove();
  const mine = [...part('thread').querySelectorAll('.mine')].reverse().find((item) => Number(item.dataset.seq) <= seenTo);
  mine?.querySelector('.small').append(make('span', { className: 'seen', textContent: ' · Seen' }));
}

// --- messages on their way ---

const rowOf = (id) => [...part('pending').children].find((item) => item.dataset.id === id);

export function pending({ id, text }) {
  const item = make('li', {}, make('p', { className: 'text', textContent: text }), make('p', { className: 'small', textContent: 'Sending…' }));
  item.dataset.id = id;
  part('pending').append(item);
  greet();
  toEnd();
}

export function sent(id) {
  rowOf(id)?.remove();
}

export function unsent(id, reason, again) {
  const under = rowOf(id)?.querySelector('.small');
  if (!under) return;
  under.replaceChildren(make('span', { className: 'error', textContent: `Not sent. ${reason} ` }));
  if (!again) return;
  const retry = make('button', { type: 'button', className: 'quiet', textContent: 'Try again' });
  retry.addEventListener('click', () => {
    under.textContent = 'Sending…';
    onRetryAsked(id);
  });
  under.append(retry);
}

// --- the form before the chat ---

function drawForm({ fields, prefill = {} }) {
  say('form-error', '');
  part('fields').replaceChildren(
    ...fields.map(({ name, label, type, required }, index) => {
      const id = `field-${index}`;
      const input = make('input', { id, name, type: ['email', 'tel'].includes(type) ? type : 'text', required, defaultValue: prefill[name] ?? '' });
      input.setAttribute('aria-describedby', `${id}-error`);
      const complete = { name: 'name', email: 'email', phone: 'tel', company: 'organization' }[name];
      if (complete) input.autocomplete = complete;
      return make(
        'div',
        {},
        make('label', { htmlFor: id, textContent: required ? label : `${label} (optional)` }),
        input,
        make('p', { id: `${id}-error`, className: 'error', hidden: true }),
      );
    }),
  );
}

/** Shows each `[field, detail]` at its field, and what belongs to none, or `otherwise`, below all. */
export function formErrors(errors, otherwise) {
  const rest = [];
  for (const [name, detail] of errors) {
    const input = [...part('fields').querySelectorAll('input')].find((one) => one.name === name);
    if (!input) {
      rest.push(detail);
      continue;
    }
    input.setAttribute('aria-invalid', 'true');
    say(`${input.id}-error`, detail);
  }
  say('form-error', rest.join(' ') || (errors.length ? '' : otherwise));
  part('fields').querySelector('[aria-invalid]')?.focus();
}

/** Hands over the fields that were filled in; one that was prefilled and emptied is null. */
export function onForm(run) {
  onFormSent = run;
}

part('form').addEventListener('submit', async (event) => {
  event.preventDefault();
  const fields = {};
  for (const input of part('fields').querySelectorAll('input')) {
    input.removeAttribute('aria-invalid');
    say(`${input.id}-error`, '');
    if (input.value) fields[input.name] = input.value;
    else if (input.defaultValue) fields[input.name] = null;
  }
  say('form-error', '');
  const button = part('form').querySelector('button');
  button.disabled = true;
  await onFormSent(fields);
  button.disabled = false;
});

// --- the composer and the rest ---

export function textError(text) {
  say('text-error', text);
}

/** `run(text)` answers whether the text was taken. */
export function onSend(run) {
  const text = part('text');
  const send = () => {
    say('text-error', '');
    if (run(text.value)) text.value = '';
    text.focus();
  };
  part('composer').addEventListener('submit', (event) => {
    event.preventDefault();
    send();
  });
  text.addEventListener('keydown', (event) => {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    send();
  });
}

export function onRetry(run) {
  onRetryAsked = run;
}

export function onEarlier(run) {
  part('earlier').addEventListener('click', async () => {
    part('earlier').disabled = true;
    await run();
    part('earlier').disabled = false;
  });
}

export function onClose(run) {
  part('close').addEventListener('click', run);
  addEventListener('keydown', (event) => {
    if (event.key === 'Escape') run();
  });
}
