package check

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The fields of others' kinds that we use, and no more: strict decoding refuses a field that is not here, so that one
// with a wrong name does not pass for one that means something.

type head struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metav1.ObjectMeta `json:"metadata"`
}

type scaledObject struct {
	head `json:",inline"`
	Spec struct {
		ScaleTargetRef  struct{ Name string } `json:"scaleTargetRef"`
		MinReplicaCount int                   `json:"minReplicaCount"`
		MaxReplicaCount int                   `json:"maxReplicaCount"`
		PollingInterval int                   `json:"pollingInterval"`
		CooldownPeriod  int                   `json:"cooldownPeriod"`
		Fallback        *struct {
			FailureThreshold int `json:"failureThreshold"`
			Replicas         int `json:"replicas"`
		} `json:"fallback"`
		Advanced any `json:"advanced"`
		Triggers []struct {
			Type       string            `json:"type"`
			MetricType string            `json:"metricType"`
			Metadata   map[string]string `json:"metadata"`
		} `json:"triggers"`
	} `json:"spec"`
}

type podMonitor struct {
	head `json:",inline"`
	Spec struct {
		Selector            metav1.LabelSelector `json:"selector"`
		PodTargetLabels     []string             `json:"podTargetLabels"`
		PodMetricsEndpoints []struct {
			Port          string `json:"port"`
			Path          string `json:"path"`
			Interval      string `json:"interval"`
			ScrapeTimeout string `json:"scrapeTimeout"`
		} `json:"podMetricsEndpoints"`
	} `json:"spec"`
}

type prometheusRule struct {
	head `json:",inline"`
	Spec alertGroups `json:"spec"`
}

// alertGroups are what Prometheus reads as a file, too.
type alertGroups struct {
	Groups []struct {
		Name  string `json:"name"`
		Rules []struct {
			Alert       string            `json:"alert"`
			Expr        string            `json:"expr"`
			For         string            `json:"for,omitempty"`
			Labels      map[string]string `json:"labels"`
			Annotations map[string]string `json:"annotations"`
		} `json:"rules"`
	} `json:"groups"`
}

type secretName struct {
	Name string `json:"name"`
}

type postgresCluster struct {
	head `json:",inline"`
	Spec struct {
		Instances             int    `json:"instances"`
		ImageName             string `json:"imageName"`
		EnablePDB             bool   `json:"enablePDB"`
		EnableSuperuserAccess bool   `json:"enableSuperuserAccess"`
		Bootstrap             struct {
			InitDB struct {
				Database               string     `json:"database"`
				Owner                  string     `json:"owner"`
				Secret                 secretName `json:"secret"`
				PostInitApplicationSQL []string   `json:"postInitApplicationSQL"`
			} `json:"initdb"`
		} `json:"bootstrap"`
		Managed struct {
			Roles []struct {
				Name           string     `json:"name"`
				Ensure         string     `json:"ensure"`
				Login          bool       `json:"login"`
				CreateRole     bool       `json:"createrole"`
				InRoles        []string   `json:"inRoles"`
				PasswordSecret secretName `json:"passwordSecret"`
			} `json:"roles"`
		} `json:"managed"`
		Postgresql any `json:"postgresql"`
		Storage    any `json:"storage"`
		WALStorage any `json:"walStorage"`
		Resources  any `json:"resources"`
		Affinity   any `json:"affinity"`
	} `json:"spec"`
}

// issuer and certificate are cert-manager's.
type issuer struct {
	head `json:",inline"`
	Spec struct {
		SelfSigned *struct{} `json:"selfSigned"`
		CA         *struct {
			SecretName string `json:"secretName"`
		} `json:"ca"`
	} `json:"spec"`
}

type certificate struct {
	head `json:",inline"`
	Spec struct {
		SecretName  string   `json:"secretName"`
		CommonName  string   `json:"commonName"`
		IsCA        bool     `json:"isCA"`
		DNSNames    []string `json:"dnsNames"`
		Usages      []string `json:"usages"`
		Duration    string   `json:"duration"`
		RenewBefore string   `json:"renewBefore"`
		PrivateKey  struct {
			Algorithm      string `json:"algorithm"`
			Size           int    `json:"size"`
			RotationPolicy string `json:"rotationPolicy"`
		} `json:"privateKey"`
		IssuerRef struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"issuerRef"`
	} `json:"spec"`
}

type externalSecret struct {
	head `json:",inline"`
	Spec struct {
		RefreshInterval string `json:"refreshInterval"`
		SecretStoreRef  struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"secretStoreRef"`
		Target struct {
			Name           string `json:"name"`
			CreationPolicy string `json:"creationPolicy"`
			Template       *struct {
				Type string            `json:"type"`
				Data map[string]string `json:"data"`
			} `json:"template"`
		} `json:"target"`
		Data []struct {
			SecretKey string `json:"secretKey"`
			RemoteRef struct {
				Key      string `json:"key"`
				Property string `json:"property"`
			} `json:"remoteRef"`
		} `json:"data"`
		DataFrom []struct {
			Extract struct {
				Key string `json:"key"`
			} `json:"extract"`
		} `json:"dataFrom"`
	} `json:"spec"`
}

type gateway struct {
	head `json:",inline"`
	Spec struct {
		GatewayClassName string `json:"gatewayClassName"`
		Listeners        []struct {
			Name          string `json:"name"`
			Protocol      string `json:"protocol"`
			Port          int    `json:"port"`
			Hostname      string `json:"hostname"`
			AllowedRoutes any    `json:"allowedRoutes"`
			TLS           *struct {
				Mode            string `json:"mode"`
				CertificateRefs []struct {
					Kind string `json:"kind"`
					Name string `json:"name"`
				} `json:"certificateRefs"`
			} `json:"tls"`
		} `json:"listeners"`
	} `json:"spec"`
}

type httpRoute struct {
	head `json:",inline"`
	Spec struct {
		ParentRefs []struct {
			Name        string `json:"name"`
			SectionName string `json:"sectionName"`
		} `json:"parentRefs"`
		Hostnames []string `json:"hostnames"`
		Rules     []struct {
			Matches []struct {
				Method string `json:"method"`
				Path   struct {
					Type  string `json:"type"`
					Value string `json:"value"`
				} `json:"path"`
			} `json:"matches"`
			BackendRefs []struct {
				Name string `json:"name"`
				Port int32  `json:"port"`
			} `json:"backendRefs"`
		} `json:"rules"`
	} `json:"spec"`
}
