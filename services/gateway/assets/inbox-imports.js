// Imports in the inbox: choose a CSV file, watch it come in, look at earlier ones.
import { followEvents } from '/sse.js';
import { uuid } from '/http.js';
import { make, part, say, show, when } from '/dom.js';

const OVER = ['done', 'failed', 'cancelled'];
const UPLOAD_SECONDS = 3600;

let tools;
let held = new Map(); // imports by id
let cursor = null;
let watched = new Set(); // those whose progress is followed
let key = null; // idempotency key of the chosen file

export function begin(given) {
  tools = given;
}

export function clear() {
  held = new Map();
  watched = new Set();
  cursor = key = null;
  part('past').replaceChildren();
  part('upload').reset();
  say('upload-error', '');
}

export function shown() {
  fetchList(null);
}

export function reload() {
  if (!part('imports').hidden) fetchList(null);
}

/** An import, new or changed. */
export function changed(one) {
  // Two streams tell of it: a late word of its progress doesn't undo its end.
  if (OVER.includes(held.get(one.id)?.state) && !OVER.includes(one.state)) return;
  held.set(one.id, one);
  draw();
}

function fetchList(from) {
  tools.attempt(async () => {
    const page = await tools.call('GET', `/imports?limit=20${from ? `&cursor=${encodeURIComponent(from)}` : ''}`);
    if (!from) held = new Map();
    for (const one of page.items) held.set(one.id, one);
    cursor = page.nextCursor;
    draw();
    for (const one of page.items) watch(one);
  });
}

// Follows one import to its end.
async function watch({ id, state }) {
  if (OVER.includes(state) || state === 'ready' || watched.has(id)) return;
  watched.add(id);
  const { signal } = tools;
  await followEvents(`/v1/imports/${id}/events`, {
    onEvent(name, one) {
      if (name !== 'import') return true;
      changed(one);
      return !OVER.includes(one.state);
    },
    signal,
  }).catch(() => {}); // a login that is over is told by the inbox's own stream
  watched.delete(id);
}

function draw() {
  const sorted = [...held.values()].sort((a, b) => Date.parse(b.createdAt) - Date.parse(a.createdAt));
  part('past').replaceChildren(...sorted.map(row));
  show('no-imports', !sorted.length);
  show('more-imports', Boolean(cursor));
}

const number = (value) => (value ?? 0).toLocaleString();

function row(one) {
  const { id, fileName, state, rows, processed, created, updated, unchanged, rejected, rowsPerSecond, createdAt, error } = one;
  const item = make(
    'li',
    {},
    make('div', { className: 'row' }, make('strong', { textContent: fileName || 'CSV file' }), make('span', { className: 'soft small' }, `${state} · `, when(createdAt))),
  );
  if (!OVER.includes(state)) {
    const bar = make('progress', { max: rows || 1, ariaLabel: 'Progress' });
    // Before the scan the number of rows is unknown, and the bar says so by having no value.
    if (rows) bar.value = processed;
    item.append(bar);
    const left = rowsPerSecond > 0 ? `, ${Math.ceil((rows - processed) / rowsPerSecond)} s left` : '';
    if (state === 'running') item.append(line(`${number(processed)} of ${number(rows)} rows, ${number(Math.round(rowsPerSecond))} a second${left}`));
  }
  if (error) item.append(make('p', { className: 'error', textContent: error }));
  if (state !== 'scanning' && !error) {
    item.append(line(`${number(rows)} rows: ${number(created)} created, ${number(updated)} updated, ${number(unchanged)} unchanged, ${number(rejected)} rejected`));
  }
  if (rejected && OVER.includes(state)) item.append(make('p', {}, make('a', { href: `/v1/imports/${id}/rejected.csv`, download: 'rejected.csv', textContent: 'Rejected rows as CSV' })));
  return item;
}

const line = (textContent) => make('p', { className: 'soft small', textContent });

part('more-imports').addEventListener('click', () => fetchList(cursor));
part('file').addEventListener('change', () => {
  key = null;
});

part('upload').addEventListener('submit', async (event) => {
  event.preventDefault();
  const [file] = part('file').files;
  const button = part('upload').querySelector('button');
  // The same file tried again keeps its key, so that it is one import.
  key ||= uuid();
  button.disabled = true;
  button.textContent = 'Uploading…';
  say('upload-error', '');
  try {
    const headers = {
      'Content-Type': 'text/csv',
      'Content-Disposition': `attachment; filename*=UTF-8''${encodeURIComponent(file.name)}`,
      'Idempotency-Key': key,
    };
    const one = await tools.call('POST', '/imports', { file, headers, seconds: UPLOAD_SECONDS });
    key = null;
    part('upload').reset();
    changed(one);
    watch(one);
  } catch (problem) {
    say('upload-error', problem.message);
  }
  button.disabled = false;
  button.textContent = 'Import';
});
