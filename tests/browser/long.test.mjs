// A long list and a long thread: only rows near the visible ones are in the page. ONETHREAD_LONG_LIST and
// ONETHREAD_LONG_THREAD set their lengths; `tests/run --long` sets 10,000 and 100,000.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { after, before, test } from 'node:test';
import { api, openInbox, waitUntil, startEnvironment } from './harness.mjs';

const PEOPLE = Number(process.env.ONETHREAD_LONG_LIST ?? 600);
const MESSAGES = Number(process.env.ONETHREAD_LONG_THREAD ?? 2_000);
const AT_ONCE = 64;
// Limits of the rows in the page, for any length of the list or the thread.
const MOST_ROWS = 60;
const MOST_MESSAGES = 400;

let env;
before(async () => (env = await startEnvironment()));
after(async () => env?.stop());

// Keeps connections alive for the many calls.
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
function post(path, body) {
  return new Promise((done, failed) => {
    const headers = {
      Authorization: `Bearer ${env.demo.apiKey}`,
      'Content-Type': 'application/json',
    };
    const call = request(`${env.base}/v1${path}`, { method: 'POST', agent, headers }, (answer) => {
      answer.setEncoding('utf8');
      let text = '';
      answer.on('data', (part) => (text += part));
      answer.on('end', () =>
        answer.statusCode < 300
          ? done(JSON.parse(text))
          : failed(new Error(`${path}: ${answer.statusCode} ${text}`)),
      );
    });
    call.on('error', failed);
    call.end(JSON.stringify(body));
  });
}
const send = (id, text) =>
  post(`/contacts/${id}/messages`, { clientMessageId: crypto.randomUUID(), text });

/** Runs `count` steps, several at a time. */
async function many(count, step) {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await step(next++);
    }),
  );
}

test('only the messages near the visible ones of a long thread are in the page', async (context) => {
  const contact = await api(env.base, env.demo, 'POST', '/contacts', {
    userId: 'long',
    name: 'Long',
  });
  await send(contact.id, 'number 0');
  const began = Date.now();
  await many(MESSAGES - 1, (n) => send(contact.id, `number ${n + 1}`));
  context.diagnostic(`${MESSAGES} messages stored in ${Date.now() - began} ms`);
  const desk = await env.device();
  const inbox = await openInbox(desk, env.base, env.demo);
  await inbox.goto(`${env.base}/inbox#conversations/${contact.id}`);
  const rows = inbox.locator('#thread li');
  const scroller = inbox.locator('#scroller');
  const first = async () => Number(await rows.first().getAttribute('data-seq'));
  const last = async () => Number(await rows.last().getAttribute('data-seq'));
  await waitUntil(
    'the newest',
    async () => (await rows.count()) > 20 && (await last()) === MESSAGES,
  );
  // Scrolls up to the first message, or through two thousand of a longer thread.
  const goal = Math.max(1, MESSAGES - 2_000);
  for (let before = await first(); before > goal; before = await first()) {
    await waitUntil(`what is above ${before}`, async () => {
      await scroller.evaluate((box) => (box.scrollTop = 0));
      return (await first()) < before;
    });
    const count = await rows.count();
    assert.ok(count <= MOST_MESSAGES, `${count} messages are in the page`);
  }
  // Scrolls down again without gaps.
  const top = await first();
  const below = top + MOST_MESSAGES;
  await waitUntil(
    'what is below',
    async () => {
      await scroller.evaluate((box) => (box.scrollTop = box.scrollHeight));
      return (await last()) > below;
    },
    last,
  );
  const loaded = await rows.evaluateAll((all) => all.map((row) => Number(row.dataset.seq)));
  assert.ok(loaded.length <= MOST_MESSAGES);
  loaded.forEach((seq, index) => assert.equal(seq, loaded[0] + index));
  if (await inbox.getByRole('button', { name: 'To the newest' }).isVisible())
    await inbox.getByRole('button', { name: 'To the newest' }).click();
  await waitUntil('the newest again', async () => (await last()) === MESSAGES, last);
  assert.deepEqual(inbox.errors, []);
  await desk.close();
});

test('only the rows near the visible ones of a long list are in the page', async (context) => {
  const began = Date.now();
  await many(PEOPLE, async (n) => {
    const { id } = await post('/contacts', { userId: `list-${n}`, name: `Person ${n}` });
    await send(id, 'hello');
  });
  context.diagnostic(`${PEOPLE} conversations made in ${Date.now() - began} ms`);
  const desk = await env.device();
  const inbox = await openInbox(desk, env.base, env.demo);
  const list = inbox.locator('.rows');
  const met = new Set();
  await inbox.locator('#items button').first().waitFor();
  // Scrolls down within the page, a screen at a time, and returns the rows that it passed.
  const walk = async () => {
    const { names, most } = await list.evaluate(async (box) => {
      const names = new Set();
      let most = 0;
      for (let steps = 0; steps < 50; steps++) {
        for (const name of box.querySelectorAll('.name')) names.add(name.textContent);
        most = Math.max(most, box.querySelectorAll('li').length);
        box.scrollTop += box.clientHeight;
        await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
      }
      return { names: [...names], most };
    });
    for (const name of names) if (name.startsWith('Person ')) met.add(name);
    assert.ok(most <= MOST_ROWS, `${most} rows are in the page`);
  };
  while (met.size < PEOPLE) {
    const before = met.size;
    await waitUntil(`more than ${before} of the list`, async () => {
      await walk();
      return met.size > before;
    });
  }
  // After leaving the part and coming back rows are visible.
  await inbox.getByRole('link', { name: 'Contacts' }).click();
  await inbox.locator('#people').waitFor();
  await inbox.getByRole('link', { name: 'Conversations' }).click();
  await waitUntil('rows in sight', () =>
    list.evaluate((box) => {
      const { top, bottom } = box.getBoundingClientRect();
      return [...box.querySelectorAll('li')].some(
        (row) =>
          row.getBoundingClientRect().top >= top && row.getBoundingClientRect().bottom <= bottom,
      );
    }),
  );
  // A new conversation is at the top of the list, at any scroll position.
  const { id } = await post('/contacts', { userId: 'late', name: 'Latecomer' });
  await send(id, 'me too');
  await list.evaluate((box) => (box.scrollTop = 0));
  await waitUntil(
    'the newest first',
    async () => (await inbox.locator('#items .name').first().textContent()) === 'Latecomer',
  );
  const frames = await list.evaluate(async (box) => {
    const times = [];
    let before = performance.now();
    for (let steps = 0; steps < 120; steps++) {
      box.scrollTop += 300;
      const now = await new Promise(requestAnimationFrame);
      times.push(now - before);
      before = now;
    }
    return times.sort((a, b) => a - b);
  });
  context.diagnostic(
    `a frame while scrolling: half within ${frames[60].toFixed(1)} ms, the slowest ${frames.at(-1).toFixed(1)} ms`,
  );
  assert.deepEqual(inbox.errors, []);
  await desk.close();
});
