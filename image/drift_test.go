package image

import "testing"

func TestNoiseIsWhatAServerWritesByItself(t *testing.T) {
	const instance = "/opt/softwareag/IntegrationServer/instances/default"
	for name, want := range map[string]bool{
		instance + "/logs/server.log":                                                true,
		instance + "/DocumentStore/TriggerStoredata0000000":                          true,
		instance + "/config/server.cnf":                                              false,
		instance + "/config/jobs.lck":                                                true,
		instance + "/packages/WmAPIGateway/config/resources/logic.xml":               false,
		"/opt/softwareag/profiles/IS_default/configuration/org.eclipse.osgi/44/data": true,
		"/opt/softwareag/profiles/IS_default/configuration/custom_wrapper.conf":      false,
		"/tmp/hsperfdata_sagadmin/12":                                                true,
		instance + "/packages/Orders/resources/data/prices.csv":                      false,
		"/etc/hosts": true,
		"/etc/pki/ca-trust/extracted/java/cacerts": false,
	} {
		if got := noise.MatchString(name); got != want {
			t.Errorf("%s: noise %t", name, got)
		}
	}
}
