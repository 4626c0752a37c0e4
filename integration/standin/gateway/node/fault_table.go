package node

// Fault is one way in which a node misbehaves on purpose, or one of the
// behaviours that the documentation leaves open.
type Fault struct {
	Name    string
	Arg     string   // what follows "=": empty, "duration", "package" or "choice"
	Choices []string // of a "choice"
	Does    string
}

// The faults. A new one is a row here and one question at the place it changes.
const (
	NeverReady            = "never-ready"
	EngineRed             = "engine-red"
	KibanaRed             = "kibana-red"
	UnhealthyAfter        = "unhealthy-after"
	HealthNeedsPassword   = "health-needs-password"
	CrashAtStart          = "crash-at-start"
	StartQuiesced         = "start-quiesced"
	Standalone            = "standalone"
	PackageBroken         = "package-broken"
	WrongPassword         = "wrong-password"
	PrivilegeMissing      = "privilege-missing"
	LicenceExpired        = "licence-expired"
	DesigntimeBlocksPorts = "designtime-blocks-ports"
	QuiesceModeMissing    = "quiescemode-missing"
	QuiescePortSuspended  = "quiesce-port-suspended"
	PortsSynchronised     = "ports-synchronised"
	QuiesceRefused        = "quiesce-500"
	QuiesceHangs          = "quiesce-hangs"
	QuiesceAnswersFirst   = "quiesce-answers-first"
	QuiesceClusterWide    = "quiesce-cluster-wide"
	QuiescedClient        = "quiesced-client"
	ModeField             = "mode-field"
	FlushFails            = "flush-fails"
	CrashInFlush          = "crash-in-flush"
	WebhookSilent         = "webhook-silent"
	WebhookEarly          = "webhook-early"
	ShutdownSurvives      = "shutdown-survives"
	DiagnosticClosed      = "diagnostic-closed"
	TriggerHangs          = "trigger-hangs"
	InvokeGone            = "invoke-gone"
	WmAdminSurvives       = "wmadmin-survives"
	SigtermIgnored        = "sigterm-ignored"
)

// Table lists every fault with what it does.
var Table = []Fault{
	{Name: NeverReady, Does: "`/rest/apigateway/health` answers 500 for ever, and `/health` of Microservices Runtime 503"},
	{Name: EngineRed, Does: "`/health` is 200 but `/health/engine` stays red (500); `JMS` of Microservices Runtime stays DOWN (503)"},
	{Name: KibanaRed, Does: "`/health/admin` and `/health/all` are red (500), with Kibana's status as text"},
	{Name: UnhealthyAfter, Arg: "duration", Does: "healthy at first, then `/health` and `/health/engine` answer 500 (Microservices Runtime: 503)"},
	{Name: HealthNeedsPassword, Does: "`/health` of Microservices Runtime answers 401 without a password"},
	{Name: CrashAtStart, Does: "the process exits with code 1 at the end of its start-up"},
	{Name: StartQuiesced, Does: "comes up in quiesce mode (the vendor's start-up action `quiesce`): only the diagnostic port is open, and the quiesce port if it is set"},
	{Name: Standalone, Does: "comes up outside the cluster and healthy (the vendor's default start-up action `standalone`)"},
	{Name: PackageBroken, Arg: "package", Does: "that package reports a load error"},
	{Name: WrongPassword, Does: "every password is refused, as by a password that must be changed at first login"},
	{Name: PrivilegeMissing, Does: "the password is right, and `quiescemode`, `ports`, `webhooks`, `migration`, `shutdown`, `is/…`, `health/externalServices` and `health/all` answer 401"},
	{Name: LicenceExpired, Does: "`/rest/apigateway/is/license` says that the licence has expired"},
	{Name: DesigntimeBlocksPorts, Does: "`block: designtime` also answers 503 to changes of ports"},
	{Name: QuiesceModeMissing, Does: "`/rest/apigateway/quiescemode`, `shutdown`, `webhooks` and `migration` answer 404, as 10.5 without its fix"},
	{Name: QuiescePortSuspended, Does: "the quiesce port is listed as suspended, so that it is not valid"},
	{Name: PortsSynchronised, Does: "a port that is created on one node appears, enabled, on nodes with this fault that start later"},
	{Name: QuiesceRefused, Does: "`block: all` and `setQuiesceMode` answer 500 for ever"},
	{Name: QuiesceHangs, Does: "`block: all` or `setQuiesceMode` is accepted, the ports close, and it never completes"},
	{Name: QuiesceAnswersFirst, Does: "`setQuiesceMode` answers at once with an empty report, before services are waited for and packages disabled"},
	{Name: QuiesceClusterWide, Does: "`block: all` quiesces every other member too, after this node has flushed"},
	{Name: QuiescedClient, Arg: "choice", Choices: []string{"refused", "reset", "503"}, Does: "what a client sees of a port that quiesce mode has closed: `refused` (as without the fault), `reset` or `503`"},
	{Name: ModeField, Arg: "choice", Choices: []string{"isQuiesceMode", "mode"}, Does: "`getCurrentMode` answers only that field: `isQuiesceMode` or `mode`"},
	{Name: FlushFails, Does: "`block: all` ends with status failure: the data store refuses the flush"},
	{Name: CrashInFlush, Does: "the process dies in the middle of `block: all` or `setQuiesceMode`, before anything is flushed"},
	{Name: WebhookSilent, Does: "webhooks are never delivered"},
	{Name: WebhookEarly, Does: "`migration:quiesce:all:completed` is delivered when `block: all` begins, and not at its end"},
	{Name: ShutdownSurvives, Does: "`/rest/apigateway/shutdown` still answers after quiesce-all"},
	{Name: DiagnosticClosed, Does: "`/invoke` and `/admin` answer 403 on the diagnostic port"},
	{Name: TriggerHangs, Does: "the message that a trigger takes is never finished: its service is retried for ever"},
	{Name: InvokeGone, Does: "the services of `wm.server.quiesce` and `wm.server.admin` answer 404: only WmAdmin remains, in quiesce mode too"},
	{Name: WmAdminSurvives, Does: "`/admin` still answers, on the quiesce and the diagnostic port, once packages are disabled"},
	{Name: SigtermIgnored, Does: "SIGTERM does nothing"},
}
