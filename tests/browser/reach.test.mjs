// Accessibility: by keyboard alone, at 320 px, right to left, without motion.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  reply,
  api,
  chatOn,
  contactOf,
  openInbox,
  openPage,
  waitUntil,
  site,
  snippet,
  startEnvironment,
} from './harness.mjs';

let env, shop;
before(async () => {
  env = await startEnvironment();
  const snippetFor = (user) => snippet(env.base, env.demo, user);
  shop = await site({
    '/visitor': `<a href="#x">a link</a>${snippetFor({})}`,
    '/ann': snippetFor({ user_id: 'ann', name: 'Ann', email: 'ann@example.com' }),
    '/rtl': `<script>document.documentElement.dir = 'rtl'</script>${snippetFor({ user_id: 'rtl', name: 'רות' })}`,
  });
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

/** The focused element, also within the widget's shadow root and frame. */
async function focused(page) {
  for (const frame of page.frames().toReversed()) {
    const found = await frame.evaluate(() => {
      let one = document.activeElement;
      while (one?.shadowRoot?.activeElement) one = one.shadowRoot.activeElement;
      if (!document.hasFocus() || !one || one === document.body || one.tagName === 'IFRAME')
        return null;
      return (
        one.id ||
        one.getAttribute('name') ||
        one.getAttribute('aria-label') ||
        one.textContent.trim() ||
        one.tagName
      );
    });
    if (found) return found;
  }
  return null;
}

/** Presses a key until this element has the focus; returns the elements that had it before. */
async function reach(page, what, key = 'Tab') {
  const met = [];
  for (let n = 0; n < 60; n++) {
    const now = await focused(page);
    if (now && (what instanceof RegExp ? what.test(now) : now === what)) return met;
    met.push(now);
    await page.keyboard.press(key);
  }
  throw new Error(`never reached ${what}, but ${met.join(' · ')}`);
}

const wide = (place) => place.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);

test('a visitor fills in the form, chats and closes the chat by keyboard alone', async () => {
  const device = await env.device();
  const page = await openPage(device, `${shop.base}/visitor`);
  const chat = page.frameLocator('onethread-widget iframe');
  await page.locator('onethread-widget button').waitFor();
  await reach(page, /^Open chat/);
  await page.keyboard.press('Enter');
  await waitUntil(
    'the first field',
    async () => /field-/.test(await focused(page)),
    () => focused(page),
  );
  for (const [field, text] of [
    ['field-name', 'Kay Board'],
    ['field-email', 'kay@example.com'],
  ]) {
    await reach(page, field);
    await page.keyboard.type(text);
  }
  await page.keyboard.press('Enter');
  await waitUntil(
    'the composer',
    async () => (await focused(page)) === 'text',
    () => focused(page),
  );
  await page.keyboard.type('by keyboard');
  await page.keyboard.press('Enter');
  await chat.locator('#thread .text', { hasText: 'by keyboard' }).waitFor();
  // An emoji, then a second line, then out of the composer.
  await reach(page, 'Emoji');
  await page.keyboard.press('Space');
  await reach(page, '👍', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await waitUntil(
    'the composer again',
    async () => (await focused(page)) === 'text',
    () => focused(page),
  );
  await page.keyboard.press('Shift+Enter');
  await page.keyboard.type('line two');
  await page.keyboard.press('Enter');
  await chat.locator('#thread .text', { hasText: '👍' }).waitFor();
  assert.match(await chat.locator('#thread .text').last().textContent(), /👍\nline two/);
  await page.keyboard.press('Escape');
  await waitUntil(
    'the button',
    async () => /^Open chat/.test(await focused(page)),
    () => focused(page),
  );
  await page.keyboard.press('Space');
  await waitUntil(
    'it open again',
    async () => (await focused(page)) === 'text',
    () => focused(page),
  );
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('an agent logs in, replies, adds a note, closes and navigates by keyboard alone', async () => {
  const { base, demo } = env;
  for (const [userId, name] of [
    ['one', 'Person One'],
    ['two', 'Person Two'],
  ]) {
    const { id } = await api(base, demo, 'POST', '/contacts', { userId, name });
    await api(base, demo, 'POST', `/contacts/${id}/messages`, {
      clientMessageId: crypto.randomUUID(),
      text: `for ${name}`,
    });
  }
  const { id } = await contactOf(base, demo, 'two');
  const device = await env.device();
  const page = await openPage(device, `${base}/inbox`);
  await page.locator('#login form').waitFor();
  for (const [field, text] of [
    ['organization', demo.organization],
    ['email', demo.agent.email],
    ['password', demo.agent.password],
  ]) {
    await reach(page, field);
    await page.keyboard.type(text);
  }
  await page.keyboard.press('Enter');
  await page.locator('#items button').first().waitFor();
  await reach(page, /Person Two/);
  await page.keyboard.press('Enter');
  await waitUntil(
    'the answer box',
    async () => (await focused(page)) === 'answer-text',
    () => focused(page),
  );
  await page.keyboard.type('typed answer');
  await page.keyboard.press('Enter');
  await page.locator('#thread .mine .text', { hasText: 'typed answer' }).waitFor();
  // The live message may come before the answer to the call that clears the box.
  await waitUntil(
    'an empty answer box',
    async () => (await page.locator('#answer-text').inputValue()) === '',
  );
  await page.keyboard.press('Alt+KeyN');
  await page.keyboard.type('typed note');
  await page.keyboard.press('Enter');
  await page.locator('#thread .note .text', { hasText: 'typed note' }).waitFor();
  await page.keyboard.press('Alt+KeyC');
  await waitUntil(
    'it closed',
    async () => (await api(base, demo, 'GET', `/conversations/${id}`)).status === 'closed',
  );
  await page.keyboard.press('Alt+ArrowDown');
  await page.locator('.talk-head h2', { hasText: /Person|Kay/ }).waitFor();
  await waitUntil('another one', async () => !page.url().endsWith(id));
  // A dialog takes the focus and returns it.
  await reach(page, 'Edit');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog', { name: 'Edit contact' }).waitFor();
  await reach(page, 'company');
  await page.keyboard.type('Typed Ltd');
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor({ state: 'detached' });
  await page.locator('#profile dd', { hasText: 'Typed Ltd' }).waitFor();
  await waitUntil(
    'the focus back',
    async () => (await focused(page)) === 'Edit',
    () => focused(page),
  );
  await reach(page, 'Contacts', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await page.locator('#people').waitFor();
  assert.deepEqual(page.errors, []);
  await device.close();
});

test('nothing is cut off at 320 px, in the chat and in each part of the inbox', async () => {
  const { base, demo } = env;
  const phone = { viewport: { width: 320, height: 568 } };
  const home = await env.device(phone);
  const page = await openPage(home, `${shop.base}/ann`);
  const chat = await chatOn(page);
  await chat.say('a'.repeat(200));
  await chat.chat.locator('#thread .text').first().waitFor();
  const frame = page.frames().find((one) => one.url().startsWith(base));
  const [inside, room] = await wide(frame);
  assert.ok(inside <= room, `the chat is ${inside} of ${room} px wide`);
  assert.equal(room, 320, 'the chat fills a phone');
  const desk = await env.device(phone);
  const inbox = await openInbox(desk, base, demo);
  const { id } = await contactOf(base, demo, 'ann');
  for (const [part, sign] of [
    ['conversations', '#items button'],
    [`conversations/${id}`, '#thread .text'],
    ['contacts', '#people tr'],
    [`contacts/${id}`, 'dialog dl'],
    ['imports', '#upload'],
    ...[
      'applications',
      'identity',
      'agents',
      'keys',
      'webhooks',
      'blocked',
      'audit',
      'password',
    ].map((one) => [`settings/${one}`, '#settings h1']),
  ]) {
    await inbox.goto(`${base}/inbox#${part}`);
    await inbox.locator(sign).first().waitFor();
    const [width, room] = await wide(inbox);
    assert.ok(width <= room, `${part} is ${width} of ${room} px wide`);
  }
  // On a phone the profile and the way back to the list are reachable, too.
  await inbox.goto(`${base}/inbox#conversations/${id}`);
  await inbox.getByRole('button', { name: 'Profile' }).click();
  await inbox.locator('#profile h2', { hasText: 'Ann' }).waitFor();
  await inbox.getByRole('button', { name: 'Profile' }).click();
  await inbox.locator('#profile').waitFor({ state: 'hidden' });
  await inbox.getByRole('button', { name: 'Back to the list' }).click();
  await inbox.locator('#items button', { hasText: 'Ann' }).waitFor();
  assert.deepEqual([...page.errors, ...inbox.errors], []);
  await home.close();
  await desk.close();
});

test('right to left, and without motion if the user prefers less of it', async () => {
  const { base, demo } = env;
  const device = await env.device({ reducedMotion: 'reduce' });
  const page = await openPage(device, `${shop.base}/rtl`);
  const { chat, say } = await chatOn(page);
  await say('שלום');
  await chat.locator('#thread .text').first().waitFor();
  const { id } = await contactOf(base, demo, 'rtl');
  await reply(base, demo, id, 'תשובה');
  await chat.locator('#thread .text').nth(1).waitFor();
  assert.equal(await chat.locator('html').getAttribute('dir'), 'rtl');
  // Mirrored: the visitor's messages and the button are at the left.
  const [mine, theirs] = await chat
    .locator('#thread .text')
    .evaluateAll((texts) => texts.map((text) => text.getBoundingClientRect().left));
  assert.ok(mine < theirs, `${mine} < ${theirs}`);
  const button = await page.locator('onethread-widget button').boundingBox();
  assert.ok(button.x < 100, `the button is at ${button.x}`);
  await api(base, demo, 'POST', `/conversations/${id}/typing`, { typing: true });
  const dots = chat.locator('.typing i').first();
  await dots.waitFor();
  const moving = () => dots.evaluate((dot) => getComputedStyle(dot).animationName);
  assert.equal(await moving(), 'none');
  await page.emulateMedia({ reducedMotion: 'no-preference' });
  await api(base, demo, 'POST', `/conversations/${id}/typing`, { typing: true });
  await waitUntil(
    'motion without that preference',
    async () => (await moving()) === 'typing',
    moving,
  );
  assert.deepEqual(page.errors, []);
  await device.close();
});
