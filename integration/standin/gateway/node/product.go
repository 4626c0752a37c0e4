package node

// The products that a node can be. They share Integration Server underneath;
// only API Gateway has the package WmAPIGateway, that is /rest/apigateway.
const (
	APIGateway        = "apigateway"
	IntegrationServer = "integrationserver"
	Microservices     = "microservicesruntime"
)

// hasGateway tells whether the node has the package WmAPIGateway. Without it
// nothing is counted in memory only: what a request counts is as good as in the
// data store, so it is delivered when the node has quiesced and when it ends.
func (n *Node) hasGateway() bool {
	return n.cfg.Product == APIGateway || n.cfg.Product == ""
}

// isMicroservices tells whether the node answers /health and what is below it.
func (n *Node) isMicroservices() bool { return n.cfg.Product == Microservices }
