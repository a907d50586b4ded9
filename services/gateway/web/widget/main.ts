// The one script a customer's page loads: the round button, the frame, and what only the page can keep, the device
// token. The chat itself is in the frame, on the gateway's own origin. Nothing here may throw into the page.
import type { EventName, FromFrame, FromPage, Init, Labels, Look, Page, Settings, User } from '../shared/protocol';
import style from './style.css?inline';

type Call = ((method: string, ...args: any[]) => void) & { q?: ArrayLike<unknown>[]; loaded?: boolean };
/** Each property of what a frame says, all of them possible. */
type Said = FromFrame & { deviceToken: string; unread: number; look?: Look; labels: Labels; name: EventName; detail?: unknown; text: string };

const NAMES = ['HelpCrunch', 'Onethread'];
const EVENTS = 'Ready,ChatOpen,ChatClose,NewUnreadChat,UnreadCountChange,IdentityRefused,SessionEnded'.split(',').map((name) => `on${name}`);
// As long as another tab may turn out to have begun at the same time.
const YOUNG_MS = 3000;

(() => {
  const w = window as any;
  const d = document;
  const tell = (...problem: unknown[]) => console.warn('Onethread:', ...problem);
  const script = (d.currentScript ?? d.querySelector('script[src*="/widget.js"]')) as HTMLScriptElement | null;
  if (NAMES.some((name) => w[name]?.loaded)) return tell('widget.js is loaded twice.');
  if (!script?.src) return tell('load widget.js by a script tag.');
  const { origin } = new URL(script.src);
  // A page of the gateway that an app's web view opens is nothing but the chat.
  const { full, platform = 'web' } = script.dataset as { full?: string; platform?: 'web' };

  let settings: Settings | undefined; // what init said
  let address: string; // names the application in the frame's address: the server looks who may hold it
  let slot = ''; // where the device token is kept
  let kept: string | null = null; // the device token, where the page has no storage
  let sent: string | null = null; // the device token the frame last began with
  let button: HTMLButtonElement;
  let badge: HTMLElement;
  let frame: HTMLIFrameElement | undefined;
  let youngUntil = 0;
  let ready = false; // the frame listens
  let available = false; // there is a session, or there was one
  let wanted = false; // showChatWidget was called
  let open = !!full;
  let unread = 0;
  let told: boolean | undefined; // whether the frame knows itself visible
  let labels: Labels = { open: 'Open chat', close: 'Close chat', unread: 'unread' };
  let locale = navigator.language;
  const listeners: Record<string, ((detail?: unknown) => void)[]> = {};
  const early: FromPage[] = []; // what was asked for before the frame listened

  const methods: Record<string, (...args: any[]) => void> = {
    init(organization: string, options: Partial<Init> = {}) {
      if (settings) return tell("'init' came twice: call 'userAuth'.");
      const { applicationId, applicationSecret, appId, user } = options;
      if (!organization || typeof organization !== 'string') return tell("'init' needs an organization.");
      if (!appId && !(applicationId && applicationSecret)) return tell("'init' needs applicationId with applicationSecret, or appId.");
      settings = plain({ applicationSecret, user: user ?? {} });
      address = `${new URLSearchParams(appId ? { organization, appId } : { organization, applicationId: applicationId as string })}`;
      slot = `onethread:${address}`;
      if (d.body) build();
      else d.addEventListener('DOMContentLoaded', build);
    },
    showChatWidget: () => draw((wanted = true)),
    hideChatWidget: () => draw((wanted = open = false)),
    openChat: () => turn(true),
    closeChat: () => turn(false),
    userAuth(user: User) {
      if (!user?.user_id) return tell("'userAuth' needs a user_id: for a visitor call 'logout'.");
      settings!.user = plain(user);
      start();
    },
    updateUser(user: User = {}) {
      const { user_id, security_hash, user_hash, user_jwt, ...fields } = plain(user);
      if (user_id !== undefined && user_id !== settings!.user.user_id) tell("'updateUser' keeps the user_id: call 'userAuth'.");
      settings!.user = { ...settings!.user, ...fields, custom_data: { ...settings!.user.custom_data, ...fields.custom_data } };
      post({ onethread: 'update', user: fields });
    },
    updateUserData: (data: Record<string, unknown>) => methods.updateUser!({ custom_data: data }),
    logout() {
      settings!.user = {};
      keep(null);
      sent = null;
      post({ onethread: 'logout' });
    },
    trackEvent: (name: string, data?: Record<string, unknown>) => post({ onethread: 'track', name, data }),
    sendUserMessage: (text: string) => post({ onethread: 'say', text }),
    typeUserMessage: (text: string) => (turn(true), post({ onethread: 'type', text })),
    muteNotificationSound: (on = true) => post({ onethread: 'mute', muted: on }),
    setLocalization: (language: string) => post({ onethread: 'locale', locale: (locale = String(language)) }),
    setChatButtonOffset({ right, left, bottom }: Record<string, number> = {}) {
      for (const [name, value] of [['--side', right ?? left], ['--bottom', bottom]] as const) value === undefined || host.style.setProperty(name, `${+value}px`);
    },
  };
  methods.logOut = methods.logout!;
  const host = d.createElement('onethread-widget');

  // What the frame tells.
  const reports: Record<string, (said: Said) => void> = {
    ready() {
      ready = true;
      told = undefined;
      start();
      early.splice(0).forEach(post);
    },
    device({ deviceToken }) {
      if (!sent) {
        // Another tab began at the same time and was first: this one goes on as the same device.
        if (read() && read() !== deviceToken) return start();
        youngUntil = Date.now() + YOUNG_MS;
      }
      keep((sent = deviceToken));
    },
    state(state) {
      available = true;
      ({ unread, labels } = state);
      const { color, side } = state.look ?? {};
      if (color) host.style.setProperty('--color', color);
      host.dataset.side = side ?? '';
      draw();
    },
    event: ({ name, detail }) => emit(name, detail),
    restart: start,
    close() {
      turn(false);
      if (wanted) button.focus();
    },
    problem: ({ text }) => tell(text),
  };

  const call: Call = (method, ...args) => {
    try {
      if (EVENTS.includes(method)) {
        (listeners[method] ??= []).push(args[0]);
        if (method === 'onReady' && available) args[0]();
      } else if (!Object.hasOwn(methods, method)) tell('there is no', method, 'but', `${Object.keys(methods)},${EVENTS}`);
      else if (!settings && /^(user|update|log|track|send|type)/.test(method)) tell(method, 'came before init');
      else methods[method]!(...args);
    } catch (error) {
      tell(method, 'failed:', error);
    }
  };

  function emit(name: EventName, detail?: unknown) {
    for (const listener of listeners[name] ?? []) {
      try {
        listener(detail);
      } catch (error) {
        tell(name, 'failed:', error);
      }
    }
  }

  // Only what JSON can carry crosses into the frame.
  function plain<T>(value: T): T {
    return JSON.parse(JSON.stringify(value));
  }

  function read() {
    try {
      return localStorage.getItem(slot);
    } catch {
      return kept;
    }
  }

  function keep(token: string | null) {
    kept = token;
    try {
      if (token) localStorage.setItem(slot, token);
      else localStorage.removeItem(slot);
    } catch {
      // A page without storage keeps the device as long as it is open.
    }
  }

  function here(): Page {
    return { url: location.href, title: d.title, referrer: d.referrer };
  }

  function post(said: FromPage) {
    if (ready) frame!.contentWindow?.postMessage(said, origin);
    else early.push(said);
  }

  function start() {
    if (!ready) return;
    sent = read();
    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
    const dir = getComputedStyle(d.documentElement).direction;
    post({ onethread: 'start', settings: settings!, deviceToken: sent, page: here(), platform, locale, timeZone, dir });
  }

  function turn(opened: boolean) {
    if (open === opened) return;
    open = opened;
    draw();
    if (open) frame?.focus();
    emit(opened ? 'onChatOpen' : 'onChatClose');
  }

  function draw(_?: unknown) {
    if (!frame) return;
    button.hidden = !(available && wanted) || !!full;
    button.ariaExpanded = String(open);
    button.ariaLabel = open ? labels.close : labels.open + (unread ? `, ${unread} ${labels.unread}` : '');
    badge.textContent = unread > 99 ? '99+' : String(unread);
    badge.hidden = open || !unread;
    const visible = available && open;
    frame.hidden = !visible;
    if (ready && visible !== told) post({ onethread: 'visible', visible: (told = visible), page: here() });
  }

  function build() {
    const root = host.attachShadow({ mode: 'open' });
    // A sheet made by script stands under any policy of the page's.
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style);
    root.adoptedStyleSheets = [sheet];
    if (full) host.dataset.full = full;
    button = d.createElement('button');
    button.type = 'button';
    button.hidden = true;
    button.onclick = () => turn(!open);
    badge = d.createElement('span');
    button.append(badge);
    frame = d.createElement('iframe');
    frame.title = 'Chat';
    frame.hidden = true;
    frame.allow = 'autoplay';
    frame.src = `${origin}/widget/frame?${address}`;
    addEventListener('message', ({ origin: from, source, data }) => {
      if (from !== origin || source !== frame!.contentWindow) return;
      try {
        if (Object.hasOwn(reports, data?.onethread)) reports[data.onethread]!(data);
      } catch (error) {
        tell('the chat failed:', error);
      }
    });
    // One tab's storage reaches another with a delay, so both may have believed to be first.
    addEventListener('storage', ({ key }) => {
      if (key !== slot || Date.now() > youngUntil || !read() || read() === sent) return;
      youngUntil = 0;
      start();
    });
    root.append(frame, button);
    d.body.append(host);
    setTimeout(() => ready || tell(`no chat from ${origin}: look at the application's origins, the page's frame-src.`), 15e3);
  }

  const waiting = NAMES.flatMap((name) => Array.from<ArrayLike<any>>(w[name]?.q ?? []));
  call.loaded = true;
  NAMES.forEach((name) => (w[name] = call));
  // The newer form of the snippet says in one object what the classic one says by calls.
  const said = w.helpcrunchSettings;
  if (said?.organization && !waiting.some((args) => args[0] === 'init')) {
    call('init', said.organization, said);
    call('showChatWidget');
  }
  waiting.forEach((args) => call(...(Array.from(args ?? []) as [string])));
})();
