// The one script a customer's page loads: the round button, the frame, and what only the page can keep, the device
// token. The chat itself is in the frame, on the gateway's own origin. Nothing here may throw into the page.
import { isSupported, store } from '../shared/browser';
import {
  LOST,
  type EventName,
  type FromFrame,
  type FromPage,
  type Init,
  type Labels,
  type Look,
  type Page,
  type User,
} from '../shared/protocol';
import { handOver, install } from './globals';
import { buildSurface, dress, type Surface } from './surface';

/** Each property of what a frame says, all of them possible. */
type Said = FromFrame & {
  deviceToken: string;
  unread: number;
  look?: Look;
  labels: Labels;
  name: EventName;
  detail?: unknown;
  text: string;
  style: string;
  user: string;
};

const EVENTS =
  'Ready,ChatOpen,ChatClose,NewUnreadChat,NewUnreadMessages,UnreadCountChange,Message,CustomerMessage,AgentMessage,PreChatFormSubmit,Error,IdentityRefused,SessionEnded'
    .split(',')
    .map((name) => `on${name}`);
// HelpCrunch has them; there is nothing here that they could change.
const WITHOUT_EFFECT = [
  'setOperatingHours',
  'setMediaCSS',
  'openKBArticle',
  'sendProactiveChatAutoMessage',
];
// As long as another tab may turn out to have begun at the same time.
const YOUNG_MS = 3000;
const START_TIMEOUT_MS = 15_000;

const d = document;
const tell = (...problem: unknown[]) => console.warn('Onethread:', ...problem);

/** JSON of a value, with what JSON would drop, clear or change marked: the frame says what becomes of it. */
const pack = (value: unknown) =>
  JSON.stringify(value ?? {}, function (this: any, key, json) {
    const raw = this[key];
    const type = typeof raw;
    if (type === 'bigint') return `${raw}`;
    const lost =
      type === 'number'
        ? !(Math.abs(raw) < 2 ** 53)
        : /^(u|f|sy)/.test(type) || (json === null && raw);
    return lost ? { [LOST]: String(raw) } : json;
  });

function start(script: HTMLScriptElement) {
  const { origin } = new URL(script.src);
  // A page of the gateway that an app's web view opens is nothing but the chat.
  const { full, platform = 'web' } = script.dataset as { full?: string; platform?: 'web' };

  let user: string | undefined; // as init or the frame said last
  let applicationSecret: string | undefined;
  let address = ''; // names the application in the frame's address: the server looks who may hold it
  let sent: string | null = null; // the device token the frame last began with
  let surface: Surface | undefined;
  let youngUntil = 0;
  let ready = false; // the frame listens
  let available = false; // there is a session, or there was one
  let wanted = false; // showChatWidget was called
  let open = !!full;
  let unread = 0;
  let told: boolean | undefined; // whether the frame knows itself visible
  let labels: Labels = { open: 'Open chat', close: 'Close chat', unread: 'unread' };
  let locale = navigator.language;
  let muted = false;
  const host = d.createElement('onethread-widget');
  const tokens = store('localStorage');
  const listeners: Record<string, ((detail?: unknown) => void)[]> = {};
  const early: FromPage[] = []; // what was asked for before the frame listened
  const held: Parameters<typeof call>[] = []; // what was asked for before init

  const methods: Record<string, (...args: any[]) => void> = {
    init(organization: string, options: Partial<Init> = {}) {
      const { applicationId, appId } = options;
      if (!organization || typeof organization !== 'string')
        return tell("'init' needs an organization.");
      if (!appId && !(applicationId && options.applicationSecret))
        return tell("'init' needs applicationId with applicationSecret, or appId.");
      const named = `${new URLSearchParams(appId ? { organization, appId } : { organization, applicationId: applicationId as string })}`;
      const said = pack(options.user);
      if (address && address !== named)
        return tell("'init' came for another application: reload the page to change it.");
      if (address) return post({ onethread: 'init', user: said });
      address = named;
      user = said;
      ({ applicationSecret } = options);
      if (d.body) build();
      else d.addEventListener('DOMContentLoaded', build);
      held.splice(0).forEach((args) => call(...args));
    },
    showChatWidget: () => draw((wanted = true)),
    hideChatWidget: () => draw((wanted = open = false)),
    openChat: () => turn(true),
    closeChat: () => turn(false),
    userAuth: (user: User) => post({ onethread: 'auth', user: pack(user) }),
    updateUser: (user: User) => post({ onethread: 'update', user: pack(user) }),
    updateUserData: (data: Record<string, unknown>) => methods.updateUser!({ custom_data: data }),
    logout: () => post({ onethread: 'logout' }),
    trackEvent: (name: string, data?: Record<string, unknown>) =>
      post({ onethread: 'track', name, data: pack(data) }),
    sendUserMessage: (text: string) => post({ onethread: 'say', text: `${text}` }),
    typeUserMessage: (text: string) => (turn(true), post({ onethread: 'type', text: `${text}` })),
    muteNotificationSound: (on = true) => post({ onethread: 'mute', muted: (muted = !!on) }),
    setLocalization: (language: string) =>
      post({ onethread: 'locale', locale: (locale = `${language}`) }),
    setChatButtonOffset({ right, left, bottom }: Record<string, number> = {}) {
      for (const [name, value] of [
        ['--side', right ?? left],
        ['--bottom', bottom],
      ] as const)
        if (value !== undefined) host.style.setProperty(name, `${+value}px`);
    },
  };
  methods.logOut = methods.logout!;
  methods.forceUpdateUser = methods.updateUser!;
  methods.setPhraseList = methods.setLocalization!;
  for (const name of WITHOUT_EFFECT) methods[name] = () => tell(`'${name}' has no effect here.`);

  // What the frame tells.
  const reports: Record<string, (said: Said) => void> = {
    ready() {
      ready = true;
      told = undefined;
      begin();
      early.splice(0).forEach(post);
    },
    device({ deviceToken }) {
      const token = tokens.get(slot());
      if (!sent) {
        // Another tab began at the same time and was first: this one continues as the same device.
        if (token && token !== deviceToken) return begin();
        youngUntil = Date.now() + YOUNG_MS;
      }
      tokens.set(slot(), (sent = deviceToken));
    },
    state(state) {
      available = true;
      ({ unread, labels } = state);
      dress(host.shadowRoot!, state.style, script);
      const { color, ink, side } = state.look ?? {};
      if (color) host.style.setProperty('--color', color);
      if (ink) host.style.setProperty('--ink', ink);
      host.dataset.side = side ?? '';
      draw();
    },
    user: (said) => void ({ user } = said),
    forget: () => tokens.set(slot(), (sent = null)),
    event: ({ name, detail }) => emit(name, detail),
    where: () => post({ onethread: 'page' }),
    restart: begin,
    close() {
      turn(false);
      if (wanted) surface!.button.focus();
    },
    problem: ({ text }) => tell(text),
  };

  const call = (method: string, ...args: any[]) => {
    try {
      if (EVENTS.includes(method)) {
        (listeners[method] ??= []).push(args[0]);
        if (method === 'onReady' && available) args[0]();
      } else if (!Object.hasOwn(methods, method))
        tell('there is no', method, 'but', `${Object.keys(methods)},${EVENTS}`);
      else if (address || method === 'init') methods[method]!(...args);
      else held.push([method, ...args]);
    } catch (error) {
      tell(method, 'failed:', error);
    }
  };

  function emit(name: EventName, detail?: any) {
    // HelpCrunch's listeners find the values in the event, or in its detail.
    const event = typeof detail === 'object' ? { ...detail, detail } : detail;
    for (const listener of listeners[name] ?? []) {
      try {
        listener(event);
      } catch (error) {
        tell(name, 'failed:', error);
      }
    }
  }

  const slot = () => `onethread:${address}`;

  function here(): Page {
    return { url: location.href, title: `${d.title}`, referrer: d.referrer };
  }

  function post(said: FromPage) {
    if (ready) surface!.frame.contentWindow?.postMessage({ ...said, page: here() }, origin);
    else early.push(said);
  }

  function begin() {
    if (!ready) return;
    sent = tokens.get(slot());
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    const { direction: dir, colorScheme } = getComputedStyle(d.documentElement);
    const scheme =
      colorScheme === 'normal'
        ? (d.querySelector('meta[name=color-scheme]') as HTMLMetaElement)?.content
        : colorScheme;
    post({
      onethread: 'start',
      user: user!,
      applicationSecret,
      deviceToken: sent,
      platform,
      locale,
      timeZone,
      muted,
      dir,
      scheme,
    });
  }

  function turn(opened: boolean) {
    if (open === opened) return;
    open = opened;
    draw();
    if (open) surface?.frame.focus();
    emit(opened ? 'onChatOpen' : 'onChatClose');
  }

  function draw(_?: unknown) {
    if (!surface) return;
    const { button, badge, frame } = surface;
    button.hidden = !(available && wanted) || !!full;
    button.setAttribute('aria-expanded', `${open}`);
    button.setAttribute(
      'aria-label',
      open ? labels.close : labels.open + (unread ? `, ${labels.unread}` : ''),
    );
    badge.textContent = unread > 99 ? '99+' : `${unread}`;
    badge.hidden = open || !unread;
    const visible = available && open;
    frame.hidden = !visible;
    if (ready && visible !== told) post({ onethread: 'visible', visible: (told = visible) });
  }

  function build() {
    if (full) host.dataset.full = full;
    surface = buildSurface(host, `${origin}/widget/frame?${address}`, () => (ready = false));
    surface.button.onclick = () => turn(!open);
    addEventListener('message', ({ origin: from, source, data }) => {
      if (from !== origin || source !== surface!.frame.contentWindow) return;
      try {
        if (Object.hasOwn(reports, data?.onethread)) reports[data.onethread]!(data);
      } catch (error) {
        tell('the chat failed:', error);
      }
    });
    // One tab's storage reaches another with a delay, so both may have believed to be first.
    addEventListener('storage', ({ key }) => {
      const token = tokens.get(slot());
      if (key !== slot() || Date.now() > youngUntil || !token || token === sent) return;
      youngUntil = 0;
      begin();
    });
  }

  setTimeout(() => {
    if (held.length) tell(`${held.map(([method]) => method)} wait for 'init'.`);
    if (surface && !ready)
      tell(`no chat from ${origin}: look at the application's origins, the page's frame-src.`);
  }, START_TIMEOUT_MS);
  install(call);
}

const script = (d.currentScript ??
  d.querySelector('script[src*="/widget.js"]')) as HTMLScriptElement | null;
if (!isSupported())
  tell(
    'this browser is too old for the chat, which needs Safari 15.4, Firefox 102 or Chromium 100.',
  );
else if (!handOver()) {
  // A picture that the page names `currentScript` is no script.
  if (script instanceof HTMLScriptElement && script.src) start(script);
  else tell('load widget.js by a script tag.');
}
