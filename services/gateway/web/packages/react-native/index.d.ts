import type { ForwardRefExoticComponent, RefAttributes } from 'react';
import type { StyleProp, ViewStyle } from 'react-native';

/** The `user` object of the snippet. */
export interface User {
  user_id?: string;
  name?: string | null;
  email?: string | null;
  phone?: string | null;
  company?: string | null;
  security_hash?: string;
  user_hash?: string;
  user_jwt?: string;
  custom_data?: Record<string, string | number | boolean | null>;
}

export interface MessageEvent {
  detail: { message: { text: string; content: string; author_name: string | null } };
}

export interface ProofRequest {
  /** Why a proof is needed: the previous one was rejected, or the session has ended. */
  reason: 'refused' | 'ended';
  userId: string;
}

/** A JWT, or an object with `user_jwt` or `user_hash`; empty if the app has no proof. */
export type Proof =
  string | { user_jwt?: string; user_hash?: string; security_hash?: string } | null | undefined;

type Application = { appId: string } | { applicationId: number; applicationSecret: string };

export type HelpCrunchWidgetProps = Application & {
  /** Address of the Onethread server, for example https://chat.example.com. */
  server: string;
  organization: string;
  user?: User;
  /** Returns a fresh proof of the user's identity. */
  getProof?: (request: ProofRequest) => Proof | Promise<Proof>;
  locale?: string;
  theme?: 'light' | 'dark' | 'auto';
  /** Whether the chat is open when the widget is mounted. Default: true. */
  defaultOpen?: boolean;
  style?: StyleProp<ViewStyle>;
  /** Lets a browser's developer tools look into the web view. */
  debug?: boolean;
  onReady?: (detail: { mode: 'visitor' | 'contact'; name: string }) => void;
  onError?: (error: { message: string }) => void;
  onMessage?: (event: MessageEvent) => void;
  onCustomerMessage?: (event: MessageEvent) => void;
  onAgentMessage?: (event: MessageEvent) => void;
  onUnreadCountChange?: (count: number) => void;
  onChatOpen?: () => void;
  onChatClose?: () => void;
  onIdentityRefused?: () => void;
  onSessionEnded?: () => void;
  /** Called with a link that was tapped in the chat. Default: the system opens it. */
  onOpenUrl?: (url: string) => void;
};

export interface HelpCrunchWidgetHandle {
  call(method: string, ...args: unknown[]): void;
  show(shown: boolean): void;
  toggle(): void;
  userAuth(user: User): void;
  logout(): void;
  setLocalization(locale: string): void;
}

export const HelpCrunchWidget: ForwardRefExoticComponent<
  HelpCrunchWidgetProps & RefAttributes<HelpCrunchWidgetHandle>
>;
export const OnethreadWidget: typeof HelpCrunchWidget;

export function hcwUserAuth(user: User): void;
export function hcwUpdateUser(user: User): void;
export function hcwLogout(): void;
export function hcwOpen(): void;
export function hcwClose(): void;
export function hcwToggle(): void;
export function hcwSendUserMessage(text: string): void;
export function hcwTypeUserMessage(text: string): void;
export function hcwSetLocalization(locale: string): void;
export function hcwTrackEvent(name: string, data?: Record<string, unknown>): void;
export function hcwMuteNotificationSound(muted?: boolean): void;
export function hcwOpenKBArticle(article?: unknown): void;
