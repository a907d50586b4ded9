// The widget: the chat's page in a web view that fills its container.
import { createElement, forwardRef, useEffect, useImperativeHandle, useRef, useState } from 'react';
import { Linking, Platform, StyleSheet, View } from 'react-native';
import { WebView } from 'react-native-webview';
import { Link } from './link.js';
import { mount } from './methods.js';

const styles = StyleSheet.create({ fill: { flex: 1 }, hidden: { display: 'none' } });
const PLATFORM = Platform.OS === 'ios' ? 'ios' : 'android';

const openUrl = (url) => Linking.openURL(url).catch(() => {});

/** See the README for the props. */
export const HelpCrunchWidget = forwardRef(function HelpCrunchWidget(props, ref) {
  const { server, style, defaultOpen = true } = props;
  const [open, setOpen] = useState(defaultOpen);
  // The widget's functions read the latest props from this reference.
  const now = useRef({});
  Object.assign(now.current, { props, open });
  const web = useRef(null);
  const widget = (now.current.widget ??= build(now.current, web, setOpen));

  useEffect(() => mount(widget), [widget]);
  useImperativeHandle(ref, () => widget, [widget]);
  useEffect(() => widget.link.show(open), [widget, open]);
  const { user, locale } = props;
  const identity = JSON.stringify(user ?? {});
  useEffect(() => widget.follow(user ?? {}), [widget, identity]);
  useEffect(() => widget.localize(locale), [widget, locale]);

  const base = String(server).replace(/\/+$/, '');
  const uri = `${base}/widget/app?platform=${PLATFORM}`;
  return createElement(
    View,
    { style: [styles.fill, style, !open && styles.hidden] },
    createElement(WebView, {
      ref: web,
      source: { uri },
      style: styles.fill,
      originWhitelist: [base.replace(/^(\w+:\/\/[^/]+).*/, '$1'), 'about:*'],
      onMessage: ({ nativeEvent }) => widget.link.receive(nativeEvent.data),
      onShouldStartLoadWithRequest: ({ url, isTopFrame }) => {
        if (
          isTopFrame === false ||
          url === uri ||
          url.startsWith('about:') ||
          url.startsWith(`${base}/widget/`)
        )
          return true;
        openUrl(url);
        return false;
      },
      onError: ({ nativeEvent }) =>
        now.current.props.onError?.({ message: nativeEvent.description }),
      // The system ended the page's process while the app was away.
      onContentProcessDidTerminate: () => web.current?.reload(),
      onRenderProcessGone: () => web.current?.reload(),
      domStorageEnabled: true,
      // Lets a new message play its sound.
      mediaPlaybackRequiresUserAction: false,
      setSupportMultipleWindows: false,
      allowsBackForwardNavigationGestures: false,
      keyboardDisplayRequiresUserAction: false,
      hideKeyboardAccessoryView: true,
      contentInsetAdjustmentBehavior: 'never',
      automaticallyAdjustContentInsets: false,
      webviewDebuggingEnabled: props.debug === true,
    }),
  );
});

function build(now, web, setOpen) {
  const notify = (name, ...details) => now.props[name]?.(...details);
  let user = now.props.user ?? {};
  let locale = now.props.locale;

  const options = () => {
    const { organization, appId, applicationId, applicationSecret, theme } = now.props;
    const application = appId ? { appId } : { applicationId, applicationSecret };
    return { organization, ...application, user, locale, theme, shown: now.open };
  };

  const link = new Link((script) => web.current?.injectJavaScript(script), options, {
    ready: ({ mode, name }) => notify('onReady', { mode, name }),
    error: ({ message }) => notify('onError', { message }),
    unread: ({ count }) => notify('onUnreadCountChange', count),
    message({ author, name, text }) {
      const event = { detail: { message: { text, content: text, author_name: name } } };
      notify('onMessage', event);
      notify(author === 'agent' ? 'onAgentMessage' : 'onCustomerMessage', event);
    },
    identityRefused: () => notify('onIdentityRefused'),
    sessionEnded: () => notify('onSessionEnded'),
    openUrl: ({ url }) => (now.props.onOpenUrl ?? openUrl)(url),
    open: () => notify('onChatOpen'),
    close() {
      now.open = false;
      setOpen(false);
      notify('onChatClose');
    },
    proof: (request) => now.props.getProof?.(request),
  });

  const widget = {
    link,
    call: (method, ...args) => link.call(method, ...args),
    show(shown) {
      if (shown === now.open) return;
      now.open = shown;
      setOpen(shown);
      // The page sends an event when it opens, but none when the app closes it.
      if (!shown) notify('onChatClose');
    },
    toggle: () => widget.show(!now.open),
    userAuth(next) {
      user = next ?? {};
      if (link.live) link.call('userAuth', user);
    },
    logout() {
      user = {};
      if (link.live) link.call('logout');
    },
    setLocalization(next) {
      locale = next;
      if (link.live) link.call('setLocalization', next);
    },
    /** Applies a changed `user` prop; apps may change it instead of calling the functions. */
    follow(next) {
      if (JSON.stringify(next) === JSON.stringify(user)) return;
      const wasLoggedIn = user.user_id !== undefined;
      if (next.user_id !== undefined) widget.userAuth(next);
      else if (wasLoggedIn) widget.logout();
      else user = next;
    },
    localize(next) {
      if (next && next !== locale) widget.setLocalization(next);
    },
  };
  return widget;
}
