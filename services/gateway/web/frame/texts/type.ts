// The texts of the chat. A text that is missing in a language is an error of `npm run check`.

/** The values of the look's `replyTime`: how soon the team usually replies. */
export type ReplyTime = 'minutes' | 'hours' | 'day';

/** `Category` lists the plural categories of the language, as `Intl.PluralRules` names them. `{…}` is filled in. */
export interface Texts<Category extends Intl.LDMLPluralRule = Intl.LDMLPluralRule> {
  /** Name of the chat, for screen readers and the window's title. */
  chat: string;
  /** Title of the chat before a teammate has replied. */
  title: string;
  /** `{name}` is the user's own name. */
  hi: string;
  /** Greeting when no name is known. */
  hiThere: string;
  help: string;
  hello: string;
  /** Above the form. */
  introduce: string;
  /** `{label}` is the label of a field. */
  optional: string;
  start: string;
  message: string;
  send: string;
  emoji: string;
  earlier: string;
  newest: string;
  messages: string;
  loading: string;
  sending: string;
  sent: string;
  seen: string;
  notSent: string;
  retry: string;
  /** Below a message that will be sent once there is a connection. */
  waiting: string;
  /** `{name}` is a teammate. */
  typing: string;
  someoneTyping: string;
  replyTime: Record<ReplyTime, string>;
  offline: string;
  reconnecting: string;
  ended: string;
  trouble: string;
  /** Instead of the composer, for a contact who is blocked. */
  blocked: string;
  /** When the frame's page is opened outside of a widget. */
  alone: string;
  /** `{max}` is the largest number of characters. */
  tooLong: string;
  open: string;
  close: string;
  /** `{n}` messages are unread. */
  unread: Record<Category, string>;
  /** Labels of the fields that every form may have. */
  fields: { name: string; email: string; phone: string; company: string };
  /** Errors beside the fields: the four standard ones, and any other. */
  errors: {
    name: string;
    email: string;
    phone: string;
    company: string;
    required: string;
    invalid: string;
  };
}

/** The texts of any language; its plural categories depend on the language. */
export type AnyTexts = Omit<Texts, 'unread'> & { unread: Partial<Texts['unread']> };
