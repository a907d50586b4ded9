// An application's look: set in the inbox, shown by the widget on a page of another site.
import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import {
  chatOn,
  openInbox,
  openPage,
  loginAsOwner,
  waitUntil,
  site,
  snippet,
  startEnvironment,
  violationsIn,
} from './harness.mjs';

const COLOR = '#0f766e';
const COLOR_RGB = 'rgb(15, 118, 110)';
let env, shop, asOwner, application;

before(async () => {
  env = await startEnvironment();
  const { base, demo } = env;
  asOwner = await loginAsOwner(base, demo);
  application = (await asOwner('GET', '/applications')).items[0].appId;
  const page = (user_id) => snippet(base, demo, { user_id });
  shop = await site({ '/new': page('new'), '/again': page('again') }, { host: 'localhost' });
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});
beforeEach(() => asOwner('PATCH', `/applications/${application}`, { look: { spare: 1 } }));

const storedLook = async () => (await asOwner('GET', '/applications')).items[0].look;
const background = (locator) => locator.evaluate((one) => getComputedStyle(one).backgroundColor);

/** The settings of the application in the inbox, opened. */
async function openSettings(options) {
  const { base, demo } = env;
  const device = await env.device(options);
  const inbox = await openInbox(device, base, demo);
  await inbox.goto(`${base}/inbox#settings/applications`);
  await inbox.getByText('Edit settings').click();
  const field = (label) => inbox.getByLabel(label);
  const save = async () => {
    await inbox.getByRole('button', { name: 'Save' }).click();
    await inbox.locator('#success', { hasText: 'Saved' }).waitFor();
  };
  return { device, inbox, field, save, preview: inbox.locator('.preview') };
}

async function openWidget(path, options) {
  const device = await env.device(options);
  const page = await openPage(device, shop.base + path);
  const button = page.locator('onethread-widget button');
  await button.waitFor();
  return { device, page, box: await button.boundingBox(), ...(await chatOn(page)) };
}

test('what an owner sets in the inbox is in the preview and in the widget', async () => {
  const { device, inbox, field, save, preview } = await openSettings();
  assert.equal(await field('Greeting').getAttribute('placeholder'), 'How can we help?');
  assert.equal(await field('Title').getAttribute('placeholder'), 'Chat with us');
  assert.equal(await preview.locator('.greeting').innerText(), 'How can we help?');

  await field('Color').first().fill(COLOR);
  await field('Position').selectOption('Bottom left');
  await field('Theme').selectOption('Dark');
  await field('Greeting').fill('Ask about your bike');
  await field('Title').fill('Acme support');
  await field('Reply time').selectOption('Within a few hours');
  assert.equal(await preview.locator('.greeting').innerText(), 'Ask about your bike');
  assert.equal(await preview.locator('.title').innerText(), 'Acme support');
  assert.deepEqual(await preview.locator('.reply-time').allInnerTexts(), [
    'We usually reply within a few hours',
    'We usually reply within a few hours',
  ]);
  assert.equal(await background(preview.locator('.top').first()), COLOR_RGB);
  assert.equal(await background(preview.locator('.window').first()), 'rgb(23, 25, 30)');
  const [frame, launcher] = await Promise.all([
    preview.boundingBox(),
    preview.locator('.launcher').boundingBox(),
  ]);
  assert.equal(launcher.x, frame.x, 'the button is at the left');
  assert.equal(await field('Pick a color').inputValue(), COLOR);
  await save();
  assert.deepEqual(await storedLook(), {
    color: COLOR,
    side: 'left',
    theme: 'dark',
    greeting: 'Ask about your bike',
    title: 'Acme support',
    replyTime: 'hours',
    spare: 1,
  });
  assert.deepEqual(inbox.errors, []);
  await device.close();

  const widget = await openWidget('/new');
  const { chat, say, page } = widget;
  assert.ok(widget.box.x < 100, `the button is at ${widget.box.x}`);
  assert.equal(await chat.locator('html').getAttribute('data-theme'), 'dark');
  assert.equal(await background(chat.locator('header')), COLOR_RGB);
  assert.equal(await chat.locator('h1').innerText(), 'Ask about your bike');
  const replyTime = () => chat.locator('#reply-time').innerText();
  assert.equal(await replyTime(), 'We usually reply within a few hours');
  await say('hello');
  await waitUntil(
    'the title',
    async () => (await chat.locator('h1').innerText()) === 'Acme support',
  );
  assert.equal(await replyTime(), 'We usually reply within a few hours');
  assert.deepEqual(page.errors, []);
  await widget.device.close();
});

test("an emptied field is the widget's default again, in the visitor's language", async () => {
  await asOwner('PATCH', `/applications/${application}`, {
    look: {
      color: COLOR,
      side: 'left',
      theme: 'dark',
      greeting: 'Hello',
      title: 'Acme',
      replyTime: 'day',
    },
  });
  const { device, field, save } = await openSettings();
  assert.equal(await field('Greeting').inputValue(), 'Hello');
  for (const label of ['Color', 'Greeting', 'Title']) await field(label).first().fill('');
  await field('Position').selectOption('Bottom right');
  await field('Theme').selectOption('Same as the page');
  await field('Reply time').selectOption('Don’t show');
  await save();
  assert.deepEqual(await storedLook(), {});
  await device.close();

  const german = await env.device({ locale: 'de-DE' });
  const page = await openPage(german, `${shop.base}/again`);
  await page.locator('onethread-widget button').click();
  const chat = page.frameLocator('onethread-widget iframe');
  await chat.locator('h1', { hasText: 'Wie können wir helfen?' }).waitFor();
  assert.equal(await chat.locator('html').getAttribute('data-theme'), 'light');
  assert.equal(await background(chat.locator('header')), 'rgb(67, 56, 202)');
  assert.equal(await chat.locator('#reply-time').count(), 0);
  await german.close();
});

test('the color picker fills in the color', async () => {
  const { device, field, save } = await openSettings();
  await field('Pick a color').fill('#aa3344');
  assert.equal(await field('Color').first().inputValue(), '#aa3344');
  await save();
  assert.equal((await storedLook()).color, '#aa3344');
  await device.close();
});

for (const colorScheme of ['light', 'dark']) {
  test(`a wrong value is named beside its field, and nothing typed is lost, ${colorScheme}`, async () => {
    const { device, inbox, field, save } = await openSettings({ colorScheme });
    const color = field('Color').first();
    const focused = (locator) =>
      waitUntil('the focus', () => locator.evaluate((one) => one === document.activeElement));
    assert.deepEqual(await violationsIn(inbox), [], 'the form');
    await field('Greeting').fill('Ask about your bike');
    await color.fill('blue');
    await inbox.getByRole('button', { name: 'Save' }).click();
    await focused(color);
    assert.equal(await color.getAttribute('aria-invalid'), 'true');
    const described = await color.getAttribute('aria-describedby');
    assert.match(
      await inbox.locator(`[id="${described}"]`).innerText(),
      /^“blue” isn’t a valid color\. Enter # and six/,
    );
    await inbox
      .locator('form > [role=alert]', { hasText: 'Fix the fields marked above.' })
      .waitFor();
    assert.deepEqual(await violationsIn(inbox), [], 'the form with an error');
    assert.deepEqual(await storedLook(), { spare: 1 });

    // The server's own errors are beside their fields as well.
    await color.fill(COLOR);
    await field('Allowed origins').fill('https://shop.example\nshop');
    await inbox.getByRole('button', { name: 'Save' }).click();
    await focused(field('Allowed origins'));
    await inbox.locator('.field > .error', { hasText: /^Allowed origins / }).waitFor();
    assert.equal(await color.getAttribute('aria-invalid'), null, 'the fixed field is clean');
    assert.equal(await field('Greeting').inputValue(), 'Ask about your bike');
    assert.equal(await field('Allowed origins').inputValue(), 'https://shop.example\nshop');

    await field('Allowed origins').fill('');
    await save();
    assert.deepEqual(await storedLook(), {
      color: COLOR,
      greeting: 'Ask about your bike',
      spare: 1,
    });
    assert.equal(await inbox.locator('form .error:visible').count(), 0);
    assert.deepEqual(inbox.errors, []);
    await device.close();
  });
}
