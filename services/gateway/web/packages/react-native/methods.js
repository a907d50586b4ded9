// Functions that an app can call from anywhere. They act on the mounted widget, or wait until one is mounted.

let mounted = null;
let waiting = [];

/** Makes the functions act on this widget; returns a function that undoes it. */
export function mount(target) {
  mounted = target;
  const calls = waiting;
  waiting = [];
  calls.forEach(([name, args]) => target[name](...args));
  return () => {
    if (mounted === target) mounted = null;
  };
}

function run(name, ...args) {
  if (mounted) mounted[name](...args);
  else waiting.push([name, args]);
}

/** Logs a user in: `user_id` with its proof, `name`, `email` and so on. */
export const hcwUserAuth = (user) => run('userAuth', user);
/** Changes the profile of the logged-in user. */
export const hcwUpdateUser = (user) => run('call', 'updateUser', user);
/** Ends the session on the server; the chat continues as a new visitor. */
export const hcwLogout = () => run('logout');
export const hcwOpen = () => run('show', true);
export const hcwClose = () => run('show', false);
export const hcwToggle = () => run('toggle');
/** Sends a text as a message of the user. */
export const hcwSendUserMessage = (text) => run('call', 'sendUserMessage', text);
/** Puts a text into the composer and opens the chat. */
export const hcwTypeUserMessage = (text) => {
  run('show', true);
  run('call', 'typeUserMessage', text);
};
export const hcwSetLocalization = (locale) => run('setLocalization', locale);
export const hcwTrackEvent = (name, data) => run('call', 'trackEvent', name, data);
export const hcwMuteNotificationSound = (muted = true) =>
  run('call', 'muteNotificationSound', muted);
/** Exists for HelpCrunch's apps; only warns, since there is no knowledge base. */
export const hcwOpenKBArticle = () =>
  console.warn('onethread: hcwOpenKBArticle has no effect, there is no knowledge base.');
