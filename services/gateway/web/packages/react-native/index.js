export { HelpCrunchWidget, HelpCrunchWidget as OnethreadWidget } from './widget.js';
export {
  hcwClose,
  hcwLogout,
  hcwMuteNotificationSound,
  hcwOpen,
  hcwOpenKBArticle,
  hcwSendUserMessage,
  hcwSetLocalization,
  hcwToggle,
  hcwTrackEvent,
  hcwTypeUserMessage,
  hcwUpdateUser,
  hcwUserAuth,
} from './methods.js';
