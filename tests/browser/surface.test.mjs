// What a visitor sees: greeting, faces, delivery states, offline and blocked notices, colors and themes.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  reply,
  api,
  chatOn,
  contactOf,
  openPage,
  loginAsOwner,
  waitUntil,
  site,
  snippet,
  startEnvironment,
  violationsIn,
} from './harness.mjs';

const scheme = (value) => `<meta name="color-scheme" content="${value}">`;
let env, shop, asOwner, application;

before(async () => {
  env = await startEnvironment();
  const { base, demo } = env;
  asOwner = await loginAsOwner(base, demo);
  application = (await asOwner('GET', '/applications')).items[0].appId;
  const user = (id, name) => snippet(base, demo, { user_id: id, name });
  shop = await site({
    '/ann': user('ann', 'Ann Meyer'),
    '/bob': user('bob', 'Bob'),
    '/eve': user('eve', 'Eve'),
    '/new': user('new', 'Tom'),
    '/visitor': snippet(base, demo, {}),
    '/both': scheme('light dark') + user('both', 'Both'),
    '/dark': `<style>:root { color-scheme: dark }</style>${user('dark', 'Dark')}`,
    '/silent': user('silent', 'Silent'),
  });
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

const look = (look) => asOwner('PATCH', `/applications/${application}`, { look });

async function visit(path, options = {}, device = undefined) {
  device ??= await env.device(options);
  const page = await openPage(device, shop.base + path);
  return { device, ...(await chatOn(page)) };
}

const frameOf = (page) => page.frames().find((one) => one.url().startsWith(env.base));

const style = (locator, ...names) =>
  locator.evaluate((one, names) => names.map((name) => getComputedStyle(one)[name]), names);

/** WCAG contrast of two `rgb(…)` colors. */
function contrast(one, other) {
  const light = (color) => {
    const [red, green, blue] = color
      .match(/[\d.]+/g)
      .slice(0, 3)
      .map((part) => {
        const share = part / 255;
        return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
      });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
}

test('the head greets by a real name, never by a generated one, and names the team after it has replied', async () => {
  await look({});
  const visitor = await visit('/visitor');
  await visitor.chat.locator('#form').waitFor();
  assert.equal(await visitor.chat.locator('#who').innerText(), 'Hi there');
  assert.doesNotMatch(await visitor.chat.locator('body').innerText(), /anonym/i);
  assert.equal(await visitor.chat.locator('#reply-time').count(), 0, 'no reply time by default');
  await visitor.device.close();

  const { chat, say, thread, page, device } = await visit('/ann');
  await waitUntil(
    'the greeting',
    async () => /Hi .?Ann Meyer/.test(await chat.locator('#who').innerText()),
    () => chat.locator('#who').innerText(),
  );
  assert.equal(await chat.locator('h1').innerText(), 'How can we help?');
  await say('hello');
  await thread('hello');
  assert.equal(await chat.locator('h1').innerText(), 'Chat with us');
  const { id } = await contactOf(env.base, env.demo, 'ann');
  const { items } = await asOwner('GET', '/agents');
  await asOwner('PATCH', `/agents/${items[0].id}`, { name: 'Nora Lind' });
  await asOwner('POST', `/conversations/${id}/messages`, {
    clientMessageId: crypto.randomUUID(),
    text: 'good morning',
    kind: 'text',
  });
  await thread('hello', 'good morning');
  assert.equal(await chat.locator('h1').innerText(), 'Nora Lind');
  assert.deepEqual(await chat.locator('.face').allInnerTexts(), ['NL', 'NL']);
  await asOwner('POST', `/conversations/${id}/typing`, { typing: true });
  await waitUntil(
    'who types',
    async () =>
      /^.?Nora Lind.? is typing…$/.test((await chat.locator('.typing').innerText()).trim()),
    () => chat.locator('.typing').innerText(),
  );
  // With several teammates the name isn't known.
  await reply(env.base, env.demo, id, 'from a server');
  await thread('hello', 'good morning', 'from a server');
  await asOwner('POST', `/conversations/${id}/typing`, { typing: true });
  await chat.locator('.typing', { hasText: 'Someone is typing…' }).waitFor();
  assert.deepEqual(page.errors, []);
  await device.close();
});

test("the head shows the owner's texts", async () => {
  await look({ title: 'Acme support', greeting: 'Ask about your bike', replyTime: 'minutes' });
  const { chat, say, device } = await visit('/new');
  assert.equal(await chat.locator('h1').innerText(), 'Ask about your bike');
  assert.equal(await chat.locator('#reply-time').innerText(), 'We usually reply in a few minutes');
  await say('one');
  await waitUntil(
    'the title',
    async () => (await chat.locator('h1').innerText()) === 'Acme support',
  );
  assert.equal(await chat.locator('#reply-time').innerText(), 'We usually reply in a few minutes');
  await look({ title: 7, greeting: '  ', replyTime: 'constructor' });
  await device.close();
  const again = await visit('/new');
  assert.equal(await again.chat.locator('h1').innerText(), 'Chat with us');
  assert.equal(await again.chat.locator('#reply-time').count(), 0);
  await again.device.close();
});

test('the delivery states: sending, sent, seen, not sent', async () => {
  await look({});
  const { chat, say, thread, page, device } = await visit('/bob');
  const last = () => chat.locator('#thread li').last().innerText();
  await say('first');
  await thread('first');
  assert.match(await last(), /· Sent$/);
  const { id } = await contactOf(env.base, env.demo, 'bob');
  await asOwner('POST', `/conversations/${id}/read`, { seq: 1 });
  await waitUntil('seen', async () => /· Seen$/.test(await last()), last);
  // A rejection that isn't caused by the connection.
  let refuse = true;
  await page.route('**/widget/v1/messages', (route) =>
    refuse && route.request().method() === 'POST'
      ? route.fulfill({
          status: 409,
          contentType: 'application/problem+json',
          body: '{"detail":"for developers"}',
        })
      : route.continue(),
  );
  await say('second');
  const pending = chat.locator('#pending li');
  await pending.getByText('Couldn’t send').waitFor();
  assert.doesNotMatch(await pending.innerText(), /developers/);
  refuse = false;
  await pending.getByRole('button', { name: 'Retry' }).click();
  await thread('first', 'second');
  assert.match(await last(), /· Sent$/);
  // A message that waits for its response.
  let answered;
  await page.route('**/widget/v1/messages', async (route) => {
    if (route.request().method() === 'POST') await new Promise((go) => (answered = go));
    await route.continue();
  });
  await say('third');
  await pending.getByText('Sending…').waitFor();
  await waitUntil('the call', () => answered);
  answered();
  await thread('first', 'second', 'third');
  await device.close();
});

test("the chat shows at once that it is offline, and soon that the server doesn't respond", async () => {
  const { chat, say, device, page } = await visit('/bob');
  const notice = chat.locator('#notice');
  assert.equal(await notice.isVisible(), false);
  await device.setOffline(true);
  await notice.getByText('You’re offline').waitFor({ timeout: 1_000 });
  await say('from a tunnel');
  await chat.locator('#pending li', { hasText: 'Waiting for connection' }).waitFor();
  await device.setOffline(false);
  await notice.waitFor({ state: 'hidden' });
  await chat.locator('#thread .text', { hasText: 'from a tunnel' }).waitFor();
  // The browser is online, but no call gets a response.
  await page.route('**/widget/v1/**', (route) => route.abort());
  await say('into the void');
  await notice.getByText('Reconnecting…').waitFor({ timeout: 1_500 });
  await page.unroute('**/widget/v1/**');
  await chat.locator('#thread .text', { hasText: 'into the void' }).waitFor({ timeout: 40_000 });
  await notice.waitFor({ state: 'hidden' });
  await device.close();
});

test('a blocked contact sees a friendly text and no retry', async () => {
  const { chat, say, thread, device } = await visit('/eve');
  await say('first');
  await thread('first');
  const { id } = await contactOf(env.base, env.demo, 'eve');
  await asOwner('PATCH', `/contacts/${id}`, { blocked: true });
  await say('second');
  await chat
    .locator('#blocked', { hasText: 'Sorry, this chat isn’t available to you right now.' })
    .waitFor();
  assert.equal(await chat.locator('#composer').count(), 0);
  assert.equal(await chat.getByRole('button', { name: 'Retry' }).count(), 0);
  assert.doesNotMatch(await chat.locator('body').innerText(), /person|not taken|403/i);
  await device.close();
});

test('while a session starts the chat shows a skeleton', async () => {
  const { chat, page, device } = await visit('/new');
  let go;
  await page.route('**/widget/v1/init', async (route) => {
    await new Promise((answered) => (go = answered));
    await route.continue();
  });
  await page.evaluate(() => window.HelpCrunch('userAuth', { user_id: 'slow', name: 'Slow' }));
  await chat.locator('#loading').waitFor();
  await waitUntil('the call', () => go);
  go();
  await chat.locator('#composer').waitFor();
  assert.equal(await chat.locator('#loading').count(), 0);
  // If the server doesn't respond, the chat says so.
  await page.unroute('**/widget/v1/init');
  await page.route('**/widget/v1/init', (route) => route.abort());
  await page.evaluate(() => window.HelpCrunch('userAuth', { user_id: 'slower', name: 'Slower' }));
  await chat.locator('#loading').waitFor();
  await chat.locator('#notice').getByText('Reconnecting…').waitFor();
  await page.unroute('**/widget/v1/init');
  await chat.locator('#composer').waitFor({ timeout: 40_000 });
  await chat.locator('#notice').waitFor({ state: 'hidden' });
  await device.close();
});

test('text on every brand color has enough contrast, in bubbles, buttons and the head', async () => {
  for (const color of [
    '#facc15',
    '#000000',
    '#ffffff',
    '#3b82f6',
    '#777777',
    '#e11d48',
    '#22c55e',
  ]) {
    await look({ color });
    const { chat, page, say, device } = await visit('/ann');
    await say(color);
    await chat.locator('#thread .mine .text', { hasText: color }).waitFor();
    await chat.locator('#text').fill('x');
    for (const part of ['header', '.mine .text', '#composer [type=submit]']) {
      const [ground, ink] = await style(chat.locator(part).last(), 'backgroundColor', 'color');
      assert.equal(
        ground,
        `rgb(${color
          .slice(1)
          .match(/../g)
          .map((hex) => parseInt(hex, 16))
          .join(', ')})`,
        part,
      );
      assert.ok(contrast(ground, ink) >= 4.5, `${ink} on ${ground} in ${part}`);
    }
    await page.evaluate(() => window.HelpCrunch('closeChat'));
    const button = page.locator('onethread-widget button');
    const icon = await button.evaluate((one) => [
      getComputedStyle(one).backgroundColor,
      getComputedStyle(one, '::before').backgroundColor,
    ]);
    assert.ok(contrast(...icon) >= 4.5, `the button's icon: ${icon}`);
    await device.close();
  }
  await look({});
});

test('light, dark, or as the page', async () => {
  const themeOf = async (path, colorScheme) => {
    const { chat, device } = await visit(path, { colorScheme });
    const theme = await chat.locator('html').getAttribute('data-theme');
    const [ground] = await style(chat.locator('body'), 'backgroundColor');
    assert.equal(ground === 'rgb(255, 255, 255)', theme === 'light', `${theme} is ${ground}`);
    await device.close();
    return theme;
  };
  await look({ theme: 'auto' });
  assert.equal(
    await themeOf('/silent', 'dark'),
    'light',
    'a page without a dark color-scheme has a light chat',
  );
  assert.equal(await themeOf('/both', 'dark'), 'dark');
  assert.equal(await themeOf('/both', 'light'), 'light');
  assert.equal(await themeOf('/dark', 'light'), 'dark');
  await look({ theme: 'dark' });
  assert.equal(await themeOf('/silent', 'light'), 'dark');
  await look({ theme: 'light' });
  assert.equal(await themeOf('/dark', 'dark'), 'light');
  await look({});
});

for (const theme of ['light', 'dark']) {
  for (const locale of ['en', 'ar']) {
    test(`no accessibility violations and nothing cut off at 320 px, ${theme}, ${locale}`, async () => {
      await look({ theme, replyTime: 'hours', color: '#0f766e' });
      const options = { locale, viewport: { width: 320, height: 568 } };
      const check = async (page, what) => {
        const frame = frameOf(page);
        assert.deepEqual(await violationsIn(frame), [], what);
        const [inside, room] = await frame.evaluate(() => [
          document.documentElement.scrollWidth,
          innerWidth,
        ]);
        assert.ok(inside <= room, `${what} is ${inside} of ${room} px wide`);
        assert.equal(
          await frame.evaluate(() => document.documentElement.dir),
          locale === 'ar' ? 'rtl' : 'ltr',
        );
      };
      const visitor = await visitBy('/visitor', options);
      await visitor.chat.locator('#form').waitFor();
      await check(visitor.page, 'the form');
      await visitor.chat.locator('#form button').click();
      await visitor.chat.locator('#fields .error').first().waitFor();
      await check(visitor.page, 'the refused form');
      await visitor.device.close();
      const name = `wide-${theme}-${locale}`;
      const known = await visitBy('/new', options);
      await known.page.evaluate(
        (user_id) =>
          window.HelpCrunch('userAuth', {
            user_id,
            name: 'A long name that has no end '.repeat(5),
          }),
        name,
      );
      await waitUntil('the greeting', async () =>
        /A long name/.test(await known.chat.locator('#who').innerText()),
      );
      await check(known.page, 'the greeting');
      await known.chat.locator('#text').fill(`https://example.com/${'a'.repeat(80)}`);
      await known.chat.locator('#text').press('Enter');
      await known.chat.locator('#thread .text').waitFor();
      const { id } = await contactOf(env.base, env.demo, name);
      await asOwner('POST', `/conversations/${id}/messages`, {
        clientMessageId: crypto.randomUUID(),
        text: 'answer',
        kind: 'text',
      });
      await known.chat.locator('#thread .theirs .text').waitFor();
      await api(env.base, env.demo, 'POST', `/conversations/${id}/typing`, { typing: true });
      await known.chat.locator('.dots').waitFor();
      await known.device.setOffline(true);
      await known.chat.locator('#notice').waitFor();
      await check(known.page, 'the chat');
      await known.device.setOffline(false);
      assert.deepEqual(known.page.errors, []);
      await known.device.close();
    });
  }
}

/** As `visit`, for buttons in any language. */
async function visitBy(path, options) {
  const device = await env.device(options);
  const page = await openPage(device, shop.base + path);
  await page.locator('onethread-widget button').click();
  return { device, page, chat: page.frameLocator('onethread-widget iframe') };
}
