// The JSON of the gateway, as far as the pages read it. `/openapi.json` describes all of it.

export interface Message {
  id: string;
  seq: number;
  prevSeq: number | null;
  author: { kind: 'contact' | 'agent' | 'system'; id: string | null; name: string | null };
  text: string;
  createdAt: string;
  clientMessageId: string | null;
  kind: 'text' | 'note' | 'event';
}

export interface Person {
  id: string;
  userId: string | null;
  name: string;
  nameGenerated: boolean;
  email: string | null;
  phone: string | null;
  company: string | null;
  customData: Record<string, string | number | boolean>;
}

export interface FormField {
  name: string;
  label: string;
  type: string;
  required: boolean;
}

export interface Warning {
  pointer: string;
  detail: string;
}

export interface Session {
  session: { token: string; expiresAt: string; deviceToken: string };
  mode: 'visitor' | 'contact';
  contact: Person;
  preChat: { show: boolean; fields: FormField[]; prefill: Record<string, string> };
  conversation: { id: string | null; lastSeq: number; unread: number; messages: Message[] };
  settings: { applicationName?: string; look?: Record<string, unknown> };
  warnings: Warning[];
}

export interface Page<T> {
  items: T[];
  nextCursor: string | null;
}

export interface MessagePage {
  items: Message[];
  lastSeq: number;
}

// --- what agents see ---

export interface Agent {
  id: string;
  email: string;
  name: string;
  role: 'owner' | 'agent';
}

export interface ListedAgent extends Agent {
  state: 'active' | 'invited';
}

export type Verified = 'none' | 'security_hash' | 'hmac' | 'jwt';

export interface Conversation {
  id: string;
  status: 'open' | 'closed';
  assigneeId: string | null;
  contact: { id: string; name: string; email: string | null; userId: string | null; verified: Verified };
  lastMessage: Message | null;
  lastSeq: number;
  unread: number;
  updatedAt: string;
}

export interface Contact extends Person {
  source: 'identified' | 'pre-chat' | 'import' | 'agent' | 'api' | 'visitor';
  tags: string[];
  verified: Verified;
  blocked: boolean;
  firstSeenAt: string | null;
  lastSeenAt: string | null;
  sessions: number;
  page: { url: string; title: string; referrer: string } | null;
  platform: string | null;
  browser: string | null;
  system: string | null;
  locale: string | null;
  timeZone: string | null;
  devices: { id: string; platform: string; lastSeenAt: string | null }[];
  events: { name: string; data: Record<string, unknown>; createdAt: string }[];
  createdAt: string;
}

export interface Import {
  id: string;
  fileName: string;
  state: 'scanning' | 'ready' | 'running' | 'done' | 'failed' | 'cancelled';
  rows: number;
  processed: number;
  created: number;
  updated: number;
  unchanged: number;
  rejected: number;
  rowsPerSecond: number;
  encoding: string | null;
  delimiter: string | null;
  columns: string[];
  mapping: Record<string, string | null>;
  preview: string[][];
  error: string | null;
  createdAt: string;
  finishedAt: string | null;
}

export interface Application {
  appId: string;
  applicationId: number;
  applicationSecret: string;
  name: string;
  origins: string[];
  preChat: { enabled: boolean; fields: FormField[] };
  look: Record<string, unknown>;
  snippet: string;
  refused?: { hour: string; count: number }[];
}

export type Policy = 'optional' | 'security_hash' | 'hmac' | 'jwt';

export interface Organization {
  name: string;
  policy: Policy;
  reportOnly: boolean;
}

export interface Webhook {
  id: string;
  url: string;
  events: string[];
  createdAt: string;
}

export interface Delivery {
  id: string;
  event: string;
  state: 'pending' | 'delivered' | 'failed';
  attempts: number;
  status: number | null;
  error: string | null;
  createdAt: string;
  at: string | null;
  nextAt: string | null;
}

export interface AuditEntry {
  at: string;
  actor: string;
  action: string;
  subject: string;
  detail: string;
}
