// The Onethread chat as a view controller: the server's page in a WKWebView, and the messages between both.
import UIKit
import WebKit

/// The application and the user of the chat.
public struct OnethreadOptions {
    public var server: URL
    public var organization: String
    public var appId: String
    /// The snippet's `user` object: `user_id`, `name`, `email` and so on. Empty for a visitor.
    public var user: [String: Any]
    public var locale: String?
    /// `light`, `dark` or `auto`.
    public var theme: String?

    public init(server: URL, organization: String, appId: String, user: [String: Any] = [:], locale: String? = nil, theme: String? = nil) {
        self.server = server
        self.organization = organization
        self.appId = appId
        self.user = user
        self.locale = locale
        self.theme = theme
    }
}

/// Events of the chat. Called on the main thread.
public protocol OnethreadChatDelegate: AnyObject {
    func chatDidStart(mode: String, name: String)
    func chatDidChangeUnread(count: Int)
    func chatDidReceive(text: String, author: String, name: String?)
    func chatDidRefuseIdentity()
    func chatSessionDidEnd()
    /// The user closed the chat. By default the controller dismisses itself.
    func chatDidClose(_ chat: OnethreadChatViewController)
    /// Return a fresh JWT from your server, or nil if there is none.
    func chatNeedsProof(userId: String, reason: String, answer: @escaping (String?) -> Void)
}

public extension OnethreadChatDelegate {
    func chatDidStart(mode: String, name: String) {}
    func chatDidChangeUnread(count: Int) {}
    func chatDidReceive(text: String, author: String, name: String?) {}
    func chatDidRefuseIdentity() {}
    func chatSessionDidEnd() {}
    func chatDidClose(_ chat: OnethreadChatViewController) { chat.dismiss(animated: true) }
    func chatNeedsProof(userId: String, reason: String, answer: @escaping (String?) -> Void) { answer(nil) }
}

public final class OnethreadChatViewController: UIViewController {
    public weak var delegate: OnethreadChatDelegate?
    private var options: OnethreadOptions
    private var web: WKWebView!
    private var live = false
    private var early: [[String: Any]] = []

    public init(options: OnethreadOptions) {
        self.options = options
        super.init(nibName: nil, bundle: nil)
    }

    @available(*, unavailable)
    required init?(coder: NSCoder) { fatalError("OnethreadChatViewController is made in code") }

    public override func loadView() {
        let configuration = WKWebViewConfiguration()
        // The user content controller retains its handlers: a weak reference in between avoids a retain cycle.
        configuration.userContentController.add(WeakHandler(self), name: "onethread")
        // Lets a new message play its sound.
        configuration.mediaTypesRequiringUserActionForPlayback = []
        web = WKWebView(frame: .zero, configuration: configuration)
        web.navigationDelegate = self
        web.scrollView.contentInsetAdjustmentBehavior = .never
        web.scrollView.bounces = false
        view = web
    }

    public override func viewDidLoad() {
        super.viewDidLoad()
        load()
    }

    public override func viewWillAppear(_ animated: Bool) {
        super.viewWillAppear(animated)
        send(["type": "shown", "shown": true])
    }

    public override func viewDidDisappear(_ animated: Bool) {
        super.viewDidDisappear(animated)
        send(["type": "shown", "shown": false])
    }

    public func logIn(user: [String: Any]) {
        options.user = user
        if live { call("userAuth", user) }
    }

    public func logOut() {
        options.user = [:]
        if live { call("logout") }
    }

    /// Calls a method of the widget, such as `trackEvent`.
    public func call(_ method: String, _ arguments: Any...) {
        send(["type": "call", "method": method, "args": arguments])
    }

    private func load() {
        live = false
        var address = URLComponents(url: options.server.appendingPathComponent("widget/app"), resolvingAgainstBaseURL: false)!
        address.queryItems = [URLQueryItem(name: "platform", value: "ios")]
        web.load(URLRequest(url: address.url!))
    }

    private func start() {
        live = true
        var message: [String: Any] = ["type": "start", "organization": options.organization, "appId": options.appId, "user": options.user]
        message["locale"] = options.locale
        message["theme"] = options.theme
        send(message)
        if viewIfLoaded?.window == nil { send(["type": "shown", "shown": false]) }
        let waiting = early
        early = []
        waiting.forEach(send)
    }

    private func send(_ message: [String: Any]) {
        guard live else {
            if message["type"] as? String != "shown" { early.append(message) }
            return
        }
        // A JSON text inside of a string literal can't be run as code.
        guard let json = try? JSONSerialization.data(withJSONObject: message),
              let text = try? JSONSerialization.data(withJSONObject: String(decoding: json, as: UTF8.self), options: .fragmentsAllowed)
        else { return }
        web.evaluateJavaScript("window.OnethreadApp && OnethreadApp.receive(\(String(decoding: text, as: UTF8.self)))")
    }

    fileprivate func receive(_ text: String) {
        guard let message = (try? JSONSerialization.jsonObject(with: Data(text.utf8))) as? [String: Any] else { return }
        let value = { (name: String) in message[name] as? String ?? "" }
        switch value("type") {
        case "loaded": start()
        case "ready": delegate?.chatDidStart(mode: value("mode"), name: value("name"))
        case "unread": delegate?.chatDidChangeUnread(count: message["count"] as? Int ?? 0)
        case "message": delegate?.chatDidReceive(text: value("text"), author: value("author"), name: message["name"] as? String)
        case "identityRefused": delegate?.chatDidRefuseIdentity()
        case "sessionEnded": delegate?.chatSessionDidEnd()
        case "close": delegate?.chatDidClose(self)
        case "openUrl": URL(string: value("url")).map { UIApplication.shared.open($0) }
        case "proof":
            delegate?.chatNeedsProof(userId: value("userId"), reason: value("reason")) { [weak self] jwt in
                guard let jwt else { return }
                DispatchQueue.main.async { self?.send(["type": "proof", "user_jwt": jwt]) }
            }
        default: break
        }
    }
}

extension OnethreadChatViewController: WKNavigationDelegate {
    public func webView(_ webView: WKWebView, decidePolicyFor action: WKNavigationAction, decisionHandler: @escaping (WKNavigationActionPolicy) -> Void) {
        guard let url = action.request.url, action.targetFrame?.isMainFrame != false else { return decisionHandler(.allow) }
        if url.host == options.server.host, url.path.contains("/widget/") { return decisionHandler(.allow) }
        UIApplication.shared.open(url)
        decisionHandler(.cancel)
    }

    /// The system ended the page's process while the app was away.
    public func webViewWebContentProcessDidTerminate(_ webView: WKWebView) { load() }
}

private final class WeakHandler: NSObject, WKScriptMessageHandler {
    private weak var chat: OnethreadChatViewController?

    init(_ chat: OnethreadChatViewController) { self.chat = chat }

    func userContentController(_ controller: WKUserContentController, didReceive message: WKScriptMessage) {
        guard message.frameInfo.isMainFrame, let text = message.body as? String else { return }
        chat?.receive(text)
    }
}
