// The widget's part in a customer's page: the round button, the frame, and what only the page can keep, the
// device token. The chat is frame.js, on the gateway's own origin. Nothing here may throw into the page.
(() => {
  'use strict';
  const NAMES = ['HelpCrunch', 'Onethread'];
  const YOUNG_MS = 3000;
  const tell = (problem, mend = '') => console.warn(`Onethread: ${problem} ${mend}`);
  const script = document.currentScript || document.querySelector('script[src*="/widget.js"]');
  if (NAMES.some((name) => window[name]?.loaded)) return tell('/widget.js is loaded twice.', 'Keep one of its script tags.');
  if (!script?.src) return tell('the address of /widget.js is not known.', 'Load it with a script tag that has a src.');
  const origin = new URL(script.src).origin;

  let settings = null; // what init said
  let slot = ''; // where the device token is kept
  let kept = null; // the device token, where the page has no storage
  let sent = null; // the device token the frame last began with
  let host, button, badge, frame;
  let young = 0; // until then another tab may turn out to have begun at the same time
  let ready = false; // the frame listens
  let available = false; // there is a session, or there was one
  let wanted = false; // showChatWidget was called
  let open = false;
  let unread = 0;
  let told = null; // whether the frame knows itself visible

  const methods = {
    __proto__: null,
    init(organization, options) {
      if (settings) return tell("'init' was called twice.", "To change the user call HelpCrunch('userAuth', {…}).");
      const { applicationId, applicationSecret, appId, user } = options || {};
      if (typeof organization !== 'string' || !organization) {
        return tell("'init' has no organization.", "Call HelpCrunch('init', '<organization>', {applicationId, applicationSecret, user}).");
      }
      if (!appId && (!applicationId || !applicationSecret)) {
        return tell("'init' has no application.", 'Give applicationId and applicationSecret as they stand in the snippet of your organization.');
      }
      settings = plain({ organization, applicationId, applicationSecret, appId, user: user || {} });
      slot = `onethread:${organization}:${appId || applicationId}`;
      if (document.body) build();
      else document.addEventListener('DOMContentLoaded', build, { once: true });
    },
    showChatWidget() {
      wanted = true;
      draw();
    },
    hideChatWidget() {
      wanted = open = false;
      draw();
    },
    openChat() {
      open = true;
      draw();
    },
    closeChat() {
      close(false);
    },
    userAuth(user) {
      if (!begun('userAuth')) return;
      if (!user?.user_id) return tell("'userAuth' has no user_id.", "Give one, or call HelpCrunch('logout') to go on as a visitor.");
      settings.user = plain(user);
      start();
    },
    updateUser(user) {
      if (!begun('updateUser')) return;
      const { user_id, security_hash, user_hash, user_jwt, ...fields } = plain(user || {});
      if (user_id !== undefined && user_id !== settings.user.user_id) tell("'updateUser' can't change the user_id.", "Call HelpCrunch('userAuth', {…}).");
      settings.user = { ...settings.user, ...fields };
      post('update', { user: fields });
    },
    logout() {
      if (!begun('logout')) return;
      settings.user = {};
      keep(null);
      sent = null;
      post('logout');
    },
  };

  // What the frame tells.
  const reports = {
    __proto__: null,
    ready() {
      ready = true;
      told = null;
      start();
    },
    device({ deviceToken }) {
      if (!sent) {
        // Another tab began at the same time and was first: this one goes on as the same device.
        if (read() && read() !== deviceToken) return start();
        young = Date.now() + YOUNG_MS;
      }
      keep((sent = deviceToken));
    },
    state(state) {
      available = true;
      unread = state.unread;
      draw();
    },
    restart: start,
    close: () => close(true),
    problem: ({ text, mend }) => tell(text, mend),
  };

  function call(method, ...args) {
    try {
      if (methods[method]) methods[method](...args);
      else tell(`there is no '${String(method)}'.`, `There are: ${Object.keys(methods).join(', ')}.`);
    } catch (error) {
      tell(`'${String(method)}' failed:`, error);
    }
  }

  function begun(method) {
    if (!settings) tell(`'${method}' came before 'init'.`, "Call HelpCrunch('init', …) first.");
    return Boolean(settings);
  }

  // Only what JSON can carry crosses into the frame.
  const plain = (value) => JSON.parse(JSON.stringify(value));

  function read() {
    try {
      return localStorage.getItem(slot);
    } catch {
      return kept;
    }
  }

  function keep(token) {
    kept = token;
    try {
      if (token) localStorage.setItem(slot, token);
      else localStorage.removeItem(slot);
    } catch {
      // A page without storage keeps the device as long as it is open.
    }
  }

  function here() {
    return { url: location.href.slice(0, 2048), title: document.title.slice(0, 255), referrer: document.referrer.slice(0, 2048) };
  }

  function post(type, detail) {
    if (ready) frame.contentWindow?.postMessage({ onethread: type, ...detail }, origin);
  }

  function start() {
    sent = read();
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    post('start', { settings, deviceToken: sent, page: here(), locale: navigator.language, timeZone });
  }

  function close(backToButton) {
    open = false;
    draw();
    if (backToButton && wanted) button?.focus();
  }

  function draw() {
    if (!frame) return;
    button.hidden = !(available && wanted);
    button.setAttribute('aria-expanded', String(open));
    button.setAttribute('aria-label', open ? 'Close chat' : unread ? `Open chat, ${unread} unread` : 'Open chat');
    badge.textContent = unread > 99 ? '99+' : String(unread);
    badge.hidden = open || !unread;
    const visible = available && open;
    frame.hidden = !visible;
    if (ready && visible !== told) post('visible', { visible: (told = visible), page: here() });
  }

  function build() {
    host = document.createElement('onethread-widget');
    const root = host.attachShadow({ mode: 'open' });
    style(root);
    button = document.createElement('button');
    button.type = 'button';
    button.hidden = true;
    button.addEventListener('click', () => call(open ? 'closeChat' : 'openChat'));
    const svg = (tag, attributes) => {
      const node = document.createElementNS('http://www.w3.org/2000/svg', tag);
      Object.entries(attributes).forEach(([name, value]) => node.setAttribute(name, value));
      return node;
    };
    const picture = svg('svg', { viewBox: '0 0 24 24', 'aria-hidden': 'true' });
    picture.append(svg('path', { d: 'M5 4h14a2 2 0 0 1 2 2v9a2 2 0 0 1-2 2h-7l-5 4v-4H5a2 2 0 0 1-2-2V6a2 2 0 0 1 2-2z' }));
    badge = document.createElement('span');
    button.append(picture, badge);
    frame = document.createElement('iframe');
    frame.title = 'Chat';
    frame.hidden = true;
    const named = new URLSearchParams();
    for (const name of ['organization', 'applicationId', 'appId']) if (settings[name]) named.set(name, settings[name]);
    frame.src = `${origin}/widget/frame?${named}`;
    addEventListener('message', (event) => {
      if (event.origin !== origin || event.source !== frame.contentWindow) return;
      try {
        reports[event.data?.onethread]?.(event.data);
      } catch (error) {
        tell('the chat failed:', error);
      }
    });
    // One tab's storage reaches another with a delay, so both may have believed to be first.
    addEventListener('storage', ({ key }) => {
      if (key !== slot || Date.now() > young || !read() || read() === sent) return;
      young = 0;
      start();
    });
    root.append(frame, button);
    document.body.append(host);
    setTimeout(() => {
      if (!ready) tell(`${origin}/widget/frame did not open.`, "Where the application lists origins, add this page's; where the page has a Content-Security-Policy, allow that origin in frame-src.");
    }, 15_000);
  }

  function style(root) {
    const text = `:host{all:initial!important}
[hidden]{display:none!important}
button{position:fixed;right:20px;bottom:20px;z-index:2147483001;width:56px;height:56px;padding:14px;border:0;border-radius:50%;background:#4338ca;color:#fff;cursor:pointer;box-shadow:0 4px 14px #0005}
button:hover{background:#3730a3}
button:focus-visible{outline:3px solid #a5b4fc;outline-offset:2px}
svg{display:block;fill:currentColor}
span{position:absolute;top:-4px;right:-4px;min-width:12px;padding:3px 5px;border-radius:11px;background:#b91c1c;font:600 12px/16px system-ui,sans-serif;text-align:center}
iframe{position:fixed;right:20px;bottom:90px;z-index:2147483000;width:380px;height:min(620px,calc(100vh - 110px));border:0;border-radius:14px;box-shadow:0 8px 32px #0005;background:#fff}
@media(prefers-color-scheme:dark){iframe{background:#16181d}}
@media(max-width:480px){iframe{inset:0;width:100%;height:100%;border-radius:0;z-index:2147483002}}`;
    try {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(text);
      root.adoptedStyleSheets = [sheet];
    } catch {
      const element = document.createElement('style');
      element.textContent = text;
      root.append(element);
    }
  }

  const waiting = NAMES.flatMap((name) => window[name]?.q || []);
  call.loaded = true;
  NAMES.forEach((name) => (window[name] = call));
  waiting.forEach((args) => call(...Array.from(args || [])));
})();
