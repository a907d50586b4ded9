// The messages between the loader on the customer's page and the chat in its frame. Each side checks the origin and the
// window of a message.

/** The `user` object of the snippet, with the snippet's field names. */
export interface User {
  user_id?: unknown;
  security_hash?: unknown;
  user_hash?: unknown;
  user_jwt?: unknown;
  /** HelpCrunch's name of `user_hash`. */
  signature?: unknown;
  custom_data?: Record<string, unknown>;
  [field: string]: unknown;
}

/** The options of `init`. */
export interface Init {
  applicationId: number | string;
  applicationSecret: string;
  appId: string;
  user: User;
}

/** The page of the customer's site that the widget is on. */
export interface Page {
  url: string;
  title: string;
  referrer: string;
}

/** A page's value as JSON. A value that JSON can't represent is an object whose only member is `LOST`. */
export type Packed = string;
export const LOST = 'onethread:lost';

/** What the frame starts with. The frame's URL names the application. */
export interface Setup {
  applicationSecret?: string;
  user: Packed;
  deviceToken: string | null;
  platform: 'web' | 'ios' | 'android';
  locale: string;
  timeZone: string;
  muted: boolean;
  /** Writing direction of the customer's page. */
  dir: string;
  /** Its `color-scheme`, from its style or its `meta` element. */
  scheme?: string;
}

/** From the page to the frame; each also has the current `page`. */
export type FromPage =
  | ({ onethread: 'start' } & Setup)
  | { onethread: 'init' | 'auth' | 'update'; user: Packed }
  | { onethread: 'logout' }
  | { onethread: 'visible'; visible: boolean }
  | { onethread: 'page' }
  | { onethread: 'track'; name: string; data: Packed }
  | { onethread: 'say' | 'type'; text: string }
  | { onethread: 'mute'; muted: boolean }
  | { onethread: 'locale'; locale: string };

/** From the frame to the page. */
export type FromFrame =
  | { onethread: 'ready' }
  | { onethread: 'device'; deviceToken: string }
  /** The current user, which the page needs when it has to load the frame again. */
  | { onethread: 'user'; user: Packed }
  /** The page forgets its device token. */
  | { onethread: 'forget' }
  | { onethread: 'state'; unread: number; look?: Look; labels: Labels; style: string }
  | { onethread: 'event'; name: EventName; detail?: unknown }
  | { onethread: 'where' }
  | { onethread: 'restart' }
  | { onethread: 'close' }
  | { onethread: 'problem'; text: string };

/** The members of an application's look that the button needs. */
export interface Look {
  color?: string;
  /** Black or white, by contrast with the color. */
  ink?: string;
  side?: 'left' | 'right';
}

/** Texts of the button in the visitor's language. */
export interface Labels {
  open: string;
  close: string;
  unread: string;
}

/** What a page can listen for: `HelpCrunch('onReady', () => …)`. */
export type EventName =
  | 'onReady'
  | 'onChatOpen'
  | 'onChatClose'
  | 'onNewUnreadChat'
  | 'onNewUnreadMessages'
  | 'onUnreadCountChange'
  | 'onMessage'
  | 'onCustomerMessage'
  | 'onAgentMessage'
  | 'onPreChatFormSubmit'
  | 'onError'
  | 'onIdentityRefused'
  | 'onSessionEnded';
