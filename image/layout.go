package image

import "context"

// Where the vendor's images keep Integration Server: a full one has instances, a Microservices Runtime and the
// minimal API Gateway of 11.x do not (README of IBM/webmethods-helm-charts, apigateway).
const (
	productHome  = "/opt/softwareag/IntegrationServer"
	instanceHome = productHome + "/instances/default"
	profileHome  = "/opt/softwareag/profiles/IS_default"
)

// layout is where things are in an image. Home is empty when there is no Integration Server.
type layout struct {
	Home, Profile, Packages string
}

// inside answers whether an image has a path.
type inside func(path string) (bool, error)

func (l *look) inside(ctx context.Context) inside {
	return func(path string) (bool, error) { return l.has(ctx, path) }
}

// findLayout looks for the folders, because an image's version does not tell. home, when given, is taken as it is.
func findLayout(home string, has inside) (layout, error) {
	at := layout{Home: home}
	for _, candidate := range []string{instanceHome, productHome} {
		if at.Home != "" {
			break
		}
		found, err := has(candidate)
		if err != nil {
			return at, err
		}
		if found {
			at.Home = candidate
		}
	}
	at.Packages, at.Profile = at.Home+"/packages", at.Home
	found, err := has(profileHome)
	if found {
		at.Profile = profileHome
	}
	return at, err
}
