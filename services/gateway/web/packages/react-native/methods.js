// The functions that an app calls from anywhere. They act on the widget that is mounted; without one they wait for it.

let mounted = null;
let waiting = [];

/** Makes this widget the one that the functions act on; answers how to undo it. */
export function mount(target) {
  mounted = target;
  const calls = waiting;
  waiting = [];
  calls.forEach(([name, args]) => target[name](...args));
  return () => {
    if (mounted === target) mounted = null;
  };
}

function ask(name, ...args) {
  if (mounted) mounted[name](...args);
  else waiting.push([name, args]);
}

/** Logs a user in: `user_id` with what proves it, `name`, `email` and so on. */
export const hcwUserAuth = (user) => ask('userAuth', user);
/** Changes the profile of the person who is logged in. */
export const hcwUpdateUser = (user) => ask('call', 'updateUser', user);
/** Ends the session on the server; the app goes on as a new visitor. */
export const hcwLogout = () => ask('logout');
export const hcwOpen = () => ask('show', true);
export const hcwClose = () => ask('show', false);
export const hcwToggle = () => ask('toggle');
/** Sends a text as a message of the person. */
export const hcwSendUserMessage = (text) => ask('call', 'sendUserMessage', text);
/** Puts a text into the composer and opens the chat. */
export const hcwTypeUserMessage = (text) => {
  ask('show', true);
  ask('call', 'typeUserMessage', text);
};
export const hcwSetLocalization = (locale) => ask('setLocalization', locale);
export const hcwTrackEvent = (name, data) => ask('call', 'trackEvent', name, data);
export const hcwMuteNotificationSound = (muted = true) =>
  ask('call', 'muteNotificationSound', muted);
/** HelpCrunch has it. There is no knowledge base here, so it only says so. */
export const hcwOpenKBArticle = () =>
  console.warn('onethread: hcwOpenKBArticle has no effect, there is no knowledge base.');
