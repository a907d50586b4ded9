// The widget in each of its languages: texts, plurals, direction, errors, and one file per language.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import {
  api,
  contactOf,
  openPage,
  waitUntil,
  site,
  snippet,
  startEnvironment,
} from './harness.mjs';

/** The label of the button and the errors of an empty name and a wrong email in each language. */
const LANGUAGES = {
  en: ['Open chat', 'Enter your name.', 'Enter a valid email address.'],
  uk: ['Відкрити чат', 'Вкажіть своє ім’я.', 'Вкажіть правильну електронну адресу.'],
  de: ['Chat öffnen', 'Geben Sie Ihren Namen ein.', 'Geben Sie eine gültige E-Mail-Adresse ein.'],
  fr: ['Ouvrir le chat', 'Indiquez votre nom.', 'Indiquez une adresse e-mail valide.'],
  es: ['Abrir chat', 'Escribe tu nombre.', 'Escribe una dirección de correo válida.'],
  pt: ['Abrir chat', 'Digite seu nome.', 'Digite um endereço de e-mail válido.'],
  it: ['Apri la chat', 'Inserisci il tuo nome.', 'Inserisci un indirizzo email valido.'],
  pl: ['Otwórz czat', 'Podaj imię i nazwisko.', 'Podaj prawidłowy adres e-mail.'],
  nl: ['Chat openen', 'Vul je naam in.', 'Vul een geldig e-mailadres in.'],
  tr: ['Sohbeti aç', 'Adınızı girin.', 'Geçerli bir e-posta adresi girin.'],
  ar: ['فتح المحادثة', 'أدخل اسمك.', 'أدخل عنوان بريد إلكتروني صالحًا.'],
  he: ['פתיחת הצ׳אט', 'נא להזין שם.', 'נא להזין כתובת אימייל תקינה.'],
  ja: ['チャットを開く', 'お名前を入力してください。', '正しいメールアドレスを入力してください。'],
  'zh-CN': ['打开聊天', '请输入您的姓名。', '请输入有效的邮箱地址。'],
};
const RIGHT_TO_LEFT = ['ar', 'he'];
const FILE = /\/widget\/frame\.([\w-]+)\.js$/;
let env, shop;

before(async () => {
  env = await startEnvironment();
  const { base, demo } = env;
  shop = await site({
    '/visitor': snippet(base, demo, {}),
    '/ann': snippet(base, demo, { user_id: 'ann', name: 'Ann' }),
    '/pl': snippet(base, demo, { user_id: 'pl', name: 'Ola' }),
  });
});
after(async () => {
  await shop?.stop();
  await env?.stop();
});

async function visit(path, locale) {
  const device = await env.device({ locale });
  const files = [];
  device.on(
    'request',
    (request) => FILE.test(request.url()) && files.push(request.url().match(FILE)[1]),
  );
  const page = await openPage(device, shop.base + path);
  return {
    device,
    page,
    files,
    button: page.locator('onethread-widget button'),
    chat: page.frameLocator('onethread-widget iframe'),
  };
}

for (const [language, [open, noName, noEmail]] of Object.entries(LANGUAGES)) {
  test(`the form and its errors in ${language}`, async () => {
    const { device, page, files, button, chat } = await visit('/visitor', language);
    await waitUntil(
      open,
      async () => (await button.getAttribute('aria-label')) === open,
      () => button.getAttribute('aria-label'),
    );
    await button.click();
    await chat.locator('#form').waitFor();
    assert.equal(await chat.locator('html').getAttribute('lang'), language);
    assert.equal(
      await chat.locator('html').getAttribute('dir'),
      RIGHT_TO_LEFT.includes(language) ? 'rtl' : 'ltr',
    );
    assert.deepEqual(files, language === 'en' ? [] : [language], 'one file, of this language');
    await chat.locator('#form button').click();
    await chat.getByText(noName, { exact: true }).waitFor();
    // An error of the server is shown in the visitor's language, too.
    await chat.locator('#field-name').fill('Name');
    await chat.locator('#field-email').fill('no address');
    await chat.locator('#form button').click();
    await chat.getByText(noEmail, { exact: true }).waitFor();
    assert.equal(await chat.locator('#field-email').getAttribute('aria-invalid'), 'true');
    assert.equal(await chat.locator('#fields .error').count(), 1);
    assert.equal(await chat.locator('#field-email-error').innerText(), noEmail);
    const shown = await chat.locator('body').innerText();
    assert.doesNotMatch(shown, /[{}]|undefined|\[object/);
    if (language !== 'en')
      assert.doesNotMatch(shown, /\b(Enter|How can|Start chat|is not|required)\b/);
    assert.deepEqual(page.errors, []);
    await device.close();
  });
}

test('a regional or unusual tag selects its language, an unknown one English', async () => {
  const { device, page, button } = await visit('/visitor', 'en');
  await button.waitFor();
  for (const [locale, language] of [
    ['de_AT', 'de'],
    ['pt-BR', 'pt'],
    ['ZH-hans-cn', 'zh-CN'],
    ['zh', 'zh-CN'],
    ['iw', 'he'],
    ['fr-CH', 'fr'],
    ['ko', 'en'],
    ['constructor', 'en'],
    ['', 'en'],
    ['uk', 'uk'],
  ]) {
    await page.evaluate((locale) => window.HelpCrunch('setLocalization', locale), locale);
    const [open] = LANGUAGES[language];
    await waitUntil(
      `${locale}: ${open}`,
      async () => (await button.getAttribute('aria-label')) === open,
      () => button.getAttribute('aria-label'),
    );
  }
  assert.deepEqual(page.errors, []);
  await device.close();
});

test("the chat is in English if a language can't be loaded", async () => {
  const device = await env.device({ locale: 'de' });
  await device.route(FILE, (route) => route.abort());
  const page = await openPage(device, `${shop.base}/visitor`);
  const button = page.locator('onethread-widget button');
  await button.click();
  const chat = page.frameLocator('onethread-widget iframe');
  await chat.getByRole('button', { name: 'Start chat' }).waitFor();
  assert.equal(await chat.locator('html').getAttribute('lang'), 'en');
  await device.close();
});

test('plurals follow the rules of the language', async () => {
  const { base, demo } = env;
  const { device, page, button, chat } = await visit('/pl', 'pl');
  await button.waitFor();
  const { id } = await contactOf(base, demo, 'pl');
  const label = () => button.getAttribute('aria-label');
  const forms = { 1: '1 nieprzeczytana', 2: '2 nieprzeczytane', 5: '5 nieprzeczytanych' };
  for (let n = 1; n <= 5; n++) {
    await api(base, demo, 'POST', `/contacts/${id}/messages`, {
      clientMessageId: crypto.randomUUID(),
      text: `number ${n}`,
    });
    if (forms[n])
      await waitUntil(forms[n], async () => (await label()) === `Otwórz czat, ${forms[n]}`, label);
  }
  await page.evaluate(() => window.HelpCrunch('setLocalization', 'ja'));
  await waitUntil('Japanese', async () => (await label()) === 'チャットを開く, 未読5件', label);
  await button.click();
  await chat.locator('#thread .text').nth(4).waitFor();
  await device.close();
});

test('each language has all plural forms that its rules require', async () => {
  for (const language of Object.keys(LANGUAGES).filter((name) => name !== 'en')) {
    const source = await (await fetch(`${env.base}/widget/frame.${language}.js`)).text();
    const { default: texts } = await import(
      `data:text/javascript;base64,${Buffer.from(source).toString('base64')}`
    );
    const categories = new Intl.PluralRules(language).resolvedOptions().pluralCategories.toSorted();
    assert.deepEqual(Object.keys(texts.unread).toSorted(), categories, language);
    const empty = Object.entries(texts).filter(([, text]) => text === '');
    assert.deepEqual(empty, [], language);
  }
});

test('the script, the frame and any language are at most 30 KiB', async (context) => {
  const weigh = async (path) =>
    gzipSync(Buffer.from(await (await fetch(env.base + path)).arrayBuffer()), { level: 9 }).length;
  const script = await weigh('/widget.js');
  let chat = 0;
  for (const path of ['/widget/frame', '/widget/frame.js', '/widget/frame.css'])
    chat += await weigh(path);
  const languages = await Promise.all(
    Object.keys(LANGUAGES)
      .filter((name) => name !== 'en')
      .map((name) => weigh(`/widget/frame.${name}.js`)),
  );
  const all = script + chat + Math.max(...languages);
  context.diagnostic(
    `widget.js ${script}, frame ${chat}, a language ${Math.max(...languages)}, all ${all} bytes, gzip`,
  );
  assert.ok(script <= 3.5 * 1024, `widget.js has ${script} bytes`);
  assert.ok(all <= 30 * 1024, `all is ${all} bytes`);
});
