// What the chat says to a person: every language has all of it, so a missing text is an error of `npm run check`.

/** Times within which a team says that it replies: the values of the look's `replyTime`. */
export type ReplyTime = 'minutes' | 'hours' | 'day';

/** `Category` lists the plural categories of the language, as `Intl.PluralRules` names them. `{…}` is filled in. */
export interface Texts<Category extends Intl.LDMLPluralRule = Intl.LDMLPluralRule> {
  /** Name of the chat, for screen readers and the window's title. */
  chat: string;
  /** Title of the chat before a teammate has replied. */
  title: string;
  /** `{name}` is the person's own name. */
  hi: string;
  /** Greeting where no name is known. */
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
  /** Below a message that is sent once there is a connection. */
  waiting: string;
  /** `{name}` is a teammate. */
  typing: string;
  someoneTyping: string;
  replyTime: Record<ReplyTime, string>;
  offline: string;
  reconnecting: string;
  ended: string;
  trouble: string;
  /** Instead of the composer, for a person whom the team has blocked. */
  blocked: string;
  /** The frame's page, opened by itself. */
  alone: string;
  /** `{max}` is the largest number of characters. */
  tooLong: string;
  open: string;
  close: string;
  /** `{n}` messages are unread. */
  unread: Record<Category, string>;
  /** Labels of the fields that every form may have. */
  fields: { name: string; email: string; phone: string; company: string };
  /** Beside a field: the four that every form may have, and any other one. */
  errors: {
    name: string;
    email: string;
    phone: string;
    company: string;
    required: string;
    invalid: string;
  };
}

/** The texts of any language: which plural categories there are is the language's matter. */
export type AnyTexts = Omit<Texts, 'unread'> & { unread: Partial<Texts['unread']> };
