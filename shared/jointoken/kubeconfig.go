// SPDX-License-Identifier: Apache-2.0

package jointoken

import (
	"errors"
	"fmt"
)

// The user names by which k0s tells the roles apart.
const (
	workerUser     = "kubelet-bootstrap"
	controllerUser = "controller-bootstrap"
)

// kubeconfig is the part of a kubeconfig that a join token carries. It is
// spelled out here, and not taken from client-go, so that what k0s reads has
// one fixed shape whatever client-go adds to its own types.
type kubeconfig struct {
	APIVersion     string         `json:"apiVersion"`
	Kind           string         `json:"kind"`
	Clusters       []namedCluster `json:"clusters"`
	Contexts       []namedContext `json:"contexts"`
	CurrentContext string         `json:"current-context"`
	Users          []namedUser    `json:"users"`
	// Preferences is empty. Older k0s writes it, we only tolerate it.
	Preferences *struct{} `json:"preferences,omitempty"`
}

type namedCluster struct {
	Name    string  `json:"name"`
	Cluster cluster `json:"cluster"`
}

type cluster struct {
	Server string `json:"server"`
	CA     []byte `json:"certificate-authority-data"`
}

type namedContext struct {
	Name    string     `json:"name"`
	Context contextRef `json:"context"`
}

type contextRef struct {
	Cluster string `json:"cluster"`
	User    string `json:"user"`
}

type namedUser struct {
	Name string     `json:"name"`
	User credential `json:"user"`
}

type credential struct {
	Token string `json:"token"`
}

func (j Join) kubeconfig() kubeconfig {
	user := userOf(j.Role)
	return kubeconfig{
		APIVersion:     "v1",
		Kind:           "Config",
		Clusters:       []namedCluster{{Name: clusterName, Cluster: cluster{Server: j.URL, CA: j.CA}}},
		Contexts:       []namedContext{{Name: clusterName, Context: contextRef{Cluster: clusterName, User: user}}},
		CurrentContext: clusterName,
		Users:          []namedUser{{Name: user, User: credential{Token: j.Token.String()}}},
	}
}

// join is what the kubeconfig says, if it is the shape of a join token.
func (k kubeconfig) join() (Join, error) {
	if err := k.check(); err != nil {
		return Join{}, err
	}
	role, err := roleOf(k.Users[0].Name)
	if err != nil {
		return Join{}, err
	}
	token, err := Parse(k.Users[0].User.Token)
	if err != nil {
		return Join{}, err
	}
	join := Join{Role: role, URL: k.Clusters[0].Cluster.Server, CA: k.Clusters[0].Cluster.CA, Token: token}
	return join, join.check()
}

// check refuses everything but one context that ties one cluster to one user.
func (k kubeconfig) check() error {
	if k.APIVersion != "v1" || k.Kind != "Config" {
		return fmt.Errorf("it holds %s %s, not a v1 Config", k.APIVersion, k.Kind)
	}
	if len(k.Clusters) != 1 || len(k.Contexts) != 1 || len(k.Users) != 1 {
		return fmt.Errorf("it has %d clusters, %d contexts and %d users instead of one of each",
			len(k.Clusters), len(k.Contexts), len(k.Users))
	}
	wanted := contextRef{Cluster: k.Clusters[0].Name, User: k.Users[0].Name}
	if k.Contexts[0].Context != wanted || k.CurrentContext != k.Contexts[0].Name {
		return errors.New("its only context does not tie its cluster to its user")
	}
	return nil
}

func userOf(role Role) string {
	if role == Controller {
		return controllerUser
	}
	return workerUser
}

func roleOf(user string) (Role, error) {
	switch user {
	case workerUser:
		return Worker, nil
	case controllerUser:
		return Controller, nil
	default:
		return "", fmt.Errorf("its user %q is neither %s nor %s", user, workerUser, controllerUser)
	}
}
