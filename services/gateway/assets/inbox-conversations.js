// Conversations in the inbox: the list, the open thread with its answer box, the profile beside it.
import { uuid } from '/http.js';
import { make, part, say, show, when } from '/dom.js';
import { Thread } from '/thread.js';
import { drawProfile } from '/inbox-profile.js';

let tools; // what the inbox hands in: call, attempt, agent, signal
let items = new Map(); // the conversations held, by id
let cursor = null; // where the list goes on
let open = null; // the open conversation: id, thread, life, unsent answer

export function begin(given) {
  tools = given;
}

export function clear() {
  close();
  items = new Map();
  cursor = null;
  part('items').replaceChildren();
}

export function shown() {
  markRead();
}

/** Fetches everything anew: at the beginning, and when the stream says that it left something out. */
export function reload() {
  tools.attempt(async () => {
    const page = await fetchPage(null);
    items = new Map(page.items.map((item) => [item.id, item]));
    cursor = page.nextCursor;
    draw();
    if (open) await fetchNewest(open);
  });
}

/** A conversation as the list has it, new or changed. */
export function changed(item) {
  items.set(item.id, item);
  draw();
}

/** A message of any conversation. */
export function message(said) {
  if (open?.id === said.conversationId) open.thread.receive(said);
}

// --- the list ---

const fetchPage = (from) => tools.call('GET', `/conversations?status=all&limit=50${from ? `&cursor=${encodeURIComponent(from)}` : ''}`);

let drawing = false;
// Many events at once make one drawing.
function draw() {
  if (drawing) return;
  drawing = true;
  setTimeout(() => {
    drawing = false;
    const sorted = [...items.values()].sort((a, b) => Date.parse(b.updatedAt) - Date.parse(a.updatedAt));
    const focused = document.activeElement?.dataset?.id;
    part('items').replaceChildren(...sorted.map(row));
    if (focused) [...part('items').querySelectorAll('button')].find((one) => one.dataset.id === focused)?.focus();
    show('none', !sorted.length);
    show('more', Boolean(cursor));
  }, 50);
}

function row({ id, contact, lastMessage, unread, updatedAt, status }) {
  const button = make(
    'button',
    { type: 'button', className: unread ? 'unread' : '' },
    make('span', { className: 'name', textContent: contact.name }),
    when(updatedAt),
    make('span', { className: 'last', textContent: (status === 'closed' ? 'Closed · ' : '') + (lastMessage?.text ?? '').slice(0, 120) }),
    ...(unread ? [make('span', { className: 'count', textContent: unread, ariaLabel: `${unread} unread` })] : []),
  );
  button.dataset.id = id;
  if (open?.id === id) button.setAttribute('aria-current', 'true');
  button.addEventListener('click', () => tools.attempt(() => enter(id)));
  return make('li', {}, button);
}

part('more').addEventListener('click', () =>
  tools.attempt(async () => {
    const page = await fetchPage(cursor);
    for (const item of page.items) if (!items.has(item.id)) items.set(item.id, item);
    cursor = page.nextCursor;
    draw();
  }),
);

// --- the open conversation ---

function close() {
  open?.life.abort();
  open = null;
  part('thread').replaceChildren();
  part('profile').replaceChildren();
  part('answer-text').value = '';
  say('answer-error', '');
  for (const id of ['earlier', 'answer', 'profile']) show(id, false);
  show('choose', true);
}

async function enter(id) {
  close();
  const life = new AbortController();
  const at = { id, life, unsent: null };
  open = at;
  at.thread = new Thread({
    fetchRun: (query) => tools.call('GET', `/conversations/${id}/messages${query}`),
    onMessages: (messages) => arrived(at, messages),
    onProblem: (problem) => say('problem', problem.message),
    signal: life.signal,
  });
  show('choose', false);
  show('answer', true);
  draw();
  await Promise.all([fetchNewest(at), fetchProfile(at)]);
  if (at === open) part('answer-text').focus();
}

async function fetchNewest(at) {
  const { items: newest } = await tools.call('GET', `/conversations/${at.id}/messages`);
  if (at !== open) return;
  part('thread').replaceChildren();
  at.thread.begin(newest);
}

async function fetchProfile(at) {
  const contact = await tools.call('GET', `/contacts/${at.id}`).catch((problem) => {
    if (problem.status !== 404) throw problem;
  });
  if (at !== open) return;
  drawProfile(part('profile'), contact);
  show('profile', true);
}

const scroller = part('scroller');

function arrived(at, messages) {
  if (at !== open) return;
  const follow = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 80;
  const first = !part('thread').childElementCount;
  part('thread').append(...messages.map(bubble));
  show('earlier', at.thread.hasEarlier);
  if (follow || first) scroller.scrollTop = scroller.scrollHeight;
  markRead();
}

function bubble({ author, kind, text, createdAt }) {
  const side = kind === 'event' ? 'event' : author.kind === 'agent' ? 'mine' : '';
  const under = make('p', { className: 'under' }, `${kind === 'note' ? 'Note · ' : ''}${author.name ? `${author.name} · ` : ''}`, when(createdAt));
  return make('li', { className: `${side} ${kind === 'note' ? 'note' : ''}`.trim() }, make('p', { className: 'text', textContent: text }), under);
}

// What is on the screen counts as read; what an agent doesn't see stays unread.
async function markRead() {
  const at = open;
  if (!at || document.hidden || part('conversations').hidden) return;
  const seq = at.thread.last;
  const item = items.get(at.id);
  if (!seq || at.read >= seq || (item && !item.unread && item.lastSeq >= seq)) return;
  at.read = seq;
  try {
    await tools.call('POST', `/conversations/${at.id}/read`, { body: { seq } });
    const now = items.get(at.id);
    if (now && now.lastSeq <= seq) changed({ ...now, unread: 0 });
  } catch {
    // The next message or look says it again.
    at.read = 0;
  }
}
document.addEventListener('visibilitychange', markRead);

part('earlier').addEventListener('click', () =>
  tools.attempt(async () => {
    const at = open;
    const older = await at.thread.earlier();
    if (at !== open) return;
    const height = scroller.scrollHeight;
    part('thread').prepend(...older.map(bubble));
    scroller.scrollTop += scroller.scrollHeight - height;
    show('earlier', at.thread.hasEarlier);
  }),
);

async function answer() {
  const at = open;
  const text = part('answer-text').value;
  const button = part('answer').querySelector('button');
  if (!at || !text.trim() || button.disabled) return;
  // The same text tried again keeps its id, so that it can't be stored twice.
  if (at.unsent?.text !== text) at.unsent = { clientMessageId: uuid(), text, kind: 'text' };
  button.disabled = true;
  say('answer-error', '');
  try {
    const stored = await tools.call('POST', `/conversations/${at.id}/messages`, { body: at.unsent });
    at.unsent = null;
    if (at === open) {
      if (part('answer-text').value === text) part('answer-text').value = '';
      at.thread.receive(stored);
      scroller.scrollTop = scroller.scrollHeight;
    }
  } catch (problem) {
    if (at === open) say('answer-error', `Not sent. ${problem.message} Press Send to try again.`);
  }
  button.disabled = false;
}

part('answer').addEventListener('submit', (event) => {
  event.preventDefault();
  answer();
});
part('answer-text').addEventListener('keydown', (event) => {
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  answer();
});
