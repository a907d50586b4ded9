// A long list and a long thread: only what is near is in the page. ONETHREAD_LONG_LIST and ONETHREAD_LONG_THREAD say how
// long, `tests/run --long` says 10,000 and 100,000.
import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { after, before, test } from 'node:test';
import { api, openInbox, seen, stage } from './harness.mjs';

const PEOPLE = Number(process.env.ONETHREAD_LONG_LIST ?? 600);
const MESSAGES = Number(process.env.ONETHREAD_LONG_THREAD ?? 2_000);
const AT_ONCE = 64;
// What the page holds at most, however long the list or the thread.
const MOST_ROWS = 60;
const MOST_MESSAGES = 400;

let it;
before(async () => (it = await stage()));
after(async () => it?.stop());

// Connections that are kept: there are many calls.
const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
function post(path, body) {
  return new Promise((done, failed) => {
    const headers = {
      Authorization: `Bearer ${it.demo.apiKey}`,
      'Content-Type': 'application/json',
    };
    const call = request(`${it.base}/v1${path}`, { method: 'POST', agent, headers }, (answer) => {
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

/** So many steps, some at a time. */
async function many(count, step) {
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < count) await step(next++);
    }),
  );
}

test('of a long thread only what is near is in the page', async (context) => {
  const contact = await api(it.base, it.demo, 'POST', '/contacts', {
    userId: 'long',
    name: 'Long',
  });
  await send(contact.id, 'number 0');
  const began = Date.now();
  await many(MESSAGES - 1, (n) => send(contact.id, `number ${n + 1}`));
  context.diagnostic(`${MESSAGES} messages stored in ${Date.now() - began} ms`);
  const desk = await it.device();
  const inbox = await openInbox(desk, it.base, it.demo);
  await inbox.goto(`${it.base}/inbox#conversations/${contact.id}`);
  const rows = inbox.locator('#thread li');
  const scroller = inbox.locator('#scroller');
  const first = async () => Number(await rows.first().getAttribute('data-seq'));
  const last = async () => Number(await rows.last().getAttribute('data-seq'));
  await seen('the newest', async () => (await rows.count()) > 20 && (await last()) === MESSAGES);
  // Up through the thread: to the very first message, or through two thousand of a longer one.
  const goal = Math.max(1, MESSAGES - 2_000);
  for (let before = await first(); before > goal; before = await first()) {
    await seen(`what is above ${before}`, async () => {
      await scroller.evaluate((box) => (box.scrollTop = 0));
      return (await first()) < before;
    });
    const count = await rows.count();
    assert.ok(count <= MOST_MESSAGES, `${count} messages are in the page`);
  }
  // And down again, with none left out.
  const top = await first();
  const below = top + MOST_MESSAGES;
  await seen(
    'what is below',
    async () => {
      await scroller.evaluate((box) => (box.scrollTop = box.scrollHeight));
      return (await last()) > below;
    },
    last,
  );
  const held = await rows.evaluateAll((all) => all.map((row) => Number(row.dataset.seq)));
  assert.ok(held.length <= MOST_MESSAGES);
  held.forEach((seq, index) => assert.equal(seq, held[0] + index));
  if (await inbox.getByRole('button', { name: 'To the newest' }).isVisible())
    await inbox.getByRole('button', { name: 'To the newest' }).click();
  await seen('the newest again', async () => (await last()) === MESSAGES, last);
  assert.deepEqual(inbox.faults, []);
  await desk.close();
});

test('of a long list only what is near is in the page', async (context) => {
  const began = Date.now();
  await many(PEOPLE, async (n) => {
    const { id } = await post('/contacts', { userId: `list-${n}`, name: `Person ${n}` });
    await send(id, 'hello');
  });
  context.diagnostic(`${PEOPLE} conversations made in ${Date.now() - began} ms`);
  const desk = await it.device();
  const inbox = await openInbox(desk, it.base, it.demo);
  const list = inbox.locator('.rows');
  const met = new Set();
  await inbox.locator('#items button').first().waitFor();
  // Down in the page itself, a screen at a time; what it met comes back.
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
    await seen(`more than ${before} of the list`, async () => {
      await walk();
      return met.size > before;
    });
  }
  // Whoever goes elsewhere and comes back finds rows in sight.
  await inbox.getByRole('link', { name: 'Contacts' }).click();
  await inbox.locator('#people').waitFor();
  await inbox.getByRole('link', { name: 'Conversations' }).click();
  await seen('rows in sight', () =>
    list.evaluate((box) => {
      const { top, bottom } = box.getBoundingClientRect();
      return [...box.querySelectorAll('li')].some(
        (row) =>
          row.getBoundingClientRect().top >= top && row.getBoundingClientRect().bottom <= bottom,
      );
    }),
  );
  // What comes anew stands at the top, wherever one looks.
  const { id } = await post('/contacts', { userId: 'late', name: 'Latecomer' });
  await send(id, 'me too');
  await list.evaluate((box) => (box.scrollTop = 0));
  await seen(
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
  assert.deepEqual(inbox.faults, []);
  await desk.close();
});
