// Contacts in the inbox: the people an organization knows, a page at a time.
import { make, part, show, when } from '/dom.js';

let tools;
let cursors = [null]; // where each page up to this one begins
let turn = 0; // the newest fetch wins

export function begin(given) {
  tools = given;
}

export function clear() {
  cursors = [null];
  turn++;
  part('people').replaceChildren();
}

export function shown() {
  fetchPage();
}

export function reload() {
  if (!part('contacts').hidden) fetchPage();
}

function fetchPage() {
  const mine = ++turn;
  tools.attempt(async () => {
    const query = new URLSearchParams({ sort: part('sort').value, limit: '50' });
    const cursor = cursors[cursors.length - 1];
    if (cursor) query.set('cursor', cursor);
    const page = await tools.call('GET', `/contacts?${query}`);
    if (mine !== turn) return;
    part('people').replaceChildren(...page.items.map(row));
    part('page-number').textContent = `Page ${cursors.length}`;
    part('previous').disabled = cursors.length < 2;
    part('next').disabled = !page.nextCursor;
    part('next').dataset.cursor = page.nextCursor ?? '';
    show('nobody', !page.items.length);
  });
}

function row({ name, email, phone, company, userId, source, lastSeenAt }) {
  const cells = [name, email, phone, company, userId, source].map((text) => make('td', { textContent: text ?? '', title: text ?? '' }));
  return make('tr', {}, ...cells, make('td', {}, lastSeenAt ? when(lastSeenAt) : ''));
}

part('next').addEventListener('click', () => {
  part('next').disabled = true;
  cursors.push(part('next').dataset.cursor);
  fetchPage();
});
part('previous').addEventListener('click', () => {
  part('previous').disabled = true;
  cursors.pop();
  fetchPage();
});
part('sort').addEventListener('change', () => {
  cursors = [null];
  fetchPage();
});
