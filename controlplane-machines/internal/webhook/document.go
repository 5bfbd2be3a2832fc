// SPDX-License-Identifier: Apache-2.0

package webhook

import (
	"errors"

	"k8s.io/apimachinery/pkg/util/validation/field"

	controlplanev1 "github.com/k0smotron/k0smotron/controlplane-machines/api/v1beta2"
	"github.com/k0smotron/k0smotron/shared/k0sconfig"
	"github.com/k0smotron/k0smotron/shared/k0sversion"
)

// document is the user's k0s configuration and the version that will read it.
type document struct {
	version  k0sversion.Version
	document map[string]any
}

func documentPath() *field.Path { return field.NewPath("spec", "k0sConfigSpec", "k0s") }

// reading reads the configuration and checks it against what is known at admission: addresses and ranges come later, and
// the controller checks against them.
func reading(controlPlane *controlplanev1.K0sControlPlane) (document, field.ErrorList) {
	version, err := k0sversion.Parse(controlPlane.Spec.Version)
	if err != nil {
		return document{}, field.ErrorList{
			field.Invalid(field.NewPath("spec", "version"), controlPlane.Spec.Version, err.Error()),
		}
	}
	user, err := k0sconfig.Parse(controlPlane.Spec.K0sConfigSpec.K0s.Raw)
	if err != nil {
		return document{version: version}, problemsOf(err, documentPath())
	}
	_, err = k0sconfig.Effective(user, k0sconfig.Facts{Version: version})
	return document{version: version, document: user},
		append(problemsOf(err, documentPath()), problemsOf(k0sconfig.Joinable(user), documentPath())...)
}

// problemsOf turns what is wrong with the user's document, which stands at place, into errors with the path of each.
func problemsOf(err error, place *field.Path) field.ErrorList {
	var problems k0sconfig.ConfigErrors
	if !errors.As(err, &problems) {
		if err != nil {
			return field.ErrorList{field.Invalid(place, "(document)", err.Error())}
		}
		return nil
	}
	list := make(field.ErrorList, 0, len(problems))
	for _, problem := range problems {
		list = append(list, field.Invalid(place.Child(problem.Path), problem.Value, problem.Message+"; "+problem.Fix))
	}
	return list
}
