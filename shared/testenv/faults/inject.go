// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"context"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

// errKilled is what a killed manager sees of every call; it never acts on it, as it is dropped after the pass.
var errKilled = errors.New("the manager is killed")

// injector counts the calls of a manager and disturbs one of them. It is used by one goroutine at a time.
type injector struct {
	plan    plan
	dead    bool
	writes  []string
	reads   int
	changes int
	stale   map[int]string
	past    past
}

func newInjector(p plan) *injector {
	return &injector{plan: p, stale: map[int]string{}, past: past{}}
}

// revive lets the next manager live; the fault has happened.
func (i *injector) revive() {
	i.dead = false
	i.plan = plan{}
}

func (i *injector) clients(world World) Clients {
	return Clients{
		Namespace:      world.Namespace,
		Management:     i.disturbed(management, world.Management),
		ManagementLive: i.live(world.Management),
		Workload:       i.disturbed(workload, world.Workload),
		WorkloadLive:   i.live(world.Workload),
	}
}

// disturbed is the manager's own client.
func (i *injector) disturbed(s server, c client.WithWatch) client.WithWatch {
	if c == nil {
		return nil
	}
	funcs := s.writing(i.write)
	funcs.Get = func(
		ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, opts ...client.GetOption,
	) error {
		id := s.identify(c, object)
		id.key = key
		return i.get(id, object, func() error { return c.Get(ctx, key, object, opts...) })
	}
	funcs.List = func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
		rewind := func() ([]runtime.Object, error) { return i.past.rewind(s, c, list, opts) }
		return i.list(list, func() error { return c.List(ctx, list, opts...) }, rewind)
	}
	return interceptor.NewClient(c, funcs)
}

// recorded is the outside world's client: nothing is disturbed, but its writes make versions old.
func (i *injector) recorded(s server, c client.WithWatch) client.WithWatch {
	if c == nil {
		return nil
	}
	return interceptor.NewClient(c, s.writing(i.record))
}

// live reads without a cache: never stale, but dead with the manager.
func (i *injector) live(c client.WithWatch) client.Reader {
	if c == nil {
		return nil
	}
	return interceptor.NewClient(c, interceptor.Funcs{
		Get: func(
			ctx context.Context, c client.WithWatch, key client.ObjectKey, object client.Object, opts ...client.GetOption,
		) error {
			if i.dead {
				return errKilled
			}
			return c.Get(ctx, key, object, opts...)
		},
		List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
			if i.dead {
				return errKilled
			}
			return c.List(ctx, list, opts...)
		},
	})
}

// call is one write, not done yet.
type call struct {
	verb   string
	object identity
	client client.Client
	do     func() error
	// created is the object of a create.
	created client.Object
}

// write does a write of the manager, disturbed when it is the one that is planned.
func (i *injector) write(ctx context.Context, c call) error {
	if i.dead {
		return errKilled
	}
	i.writes = append(i.writes, fmt.Sprintf("%s %s", c.verb, c.object))
	mode := Mode("")
	if i.plan.mode != StaleRead && i.plan.call == len(i.writes) {
		mode = i.plan.mode
	}
	switch mode {
	case FailWrite:
		return apierrors.NewServiceUnavailable("injected fault: not done")
	case KillBefore:
		i.dead = true
		return errKilled
	case KillAfter:
		err := i.record(ctx, c)
		i.dead = true
		return errors.Join(errKilled, err)
	case LoseAnswer:
		if err := i.record(ctx, c); err != nil {
			return err
		}
		return apierrors.NewTimeoutError("injected fault: done, but the answer is lost", 0)
	default:
		return i.record(ctx, c)
	}
}

// record does a write and keeps the version before it.
func (i *injector) record(ctx context.Context, c call) error {
	before, err := read(ctx, c.client, c.object)
	if err != nil {
		return err
	}
	if err := c.do(); err != nil {
		return err
	}
	written := c.object
	if c.created != nil {
		written = c.object.server.identify(c.client, c.created) // Only now it is known which name the server has generated.
	}
	after, err := read(ctx, c.client, written)
	if err != nil {
		return err
	}
	if before.GetResourceVersion() != after.GetResourceVersion() {
		i.changes++
		i.past[written] = before
	}
	return nil
}

func (i *injector) get(id identity, object client.Object, do func() error) error {
	if i.dead {
		return errKilled
	}
	i.reads++
	old, known := i.past[id]
	if known {
		i.stale[i.reads] = "get " + id.String()
	}
	if !known || !i.isStale() {
		return do()
	}
	if old.Object == nil {
		return apierrors.NewNotFound(id.resource(), id.key.Name)
	}
	return fill(object, old)
}

func (i *injector) list(list client.ObjectList, do func() error, rewind func() ([]runtime.Object, error)) error {
	if i.dead {
		return errKilled
	}
	i.reads++
	if err := do(); err != nil {
		return err
	}
	old, err := rewind()
	if err != nil || old == nil {
		return err
	}
	i.stale[i.reads] = fmt.Sprintf("list %T", list)
	if !i.isStale() {
		return nil
	}
	return replaceItems(list, old)
}

func (i *injector) isStale() bool { return i.plan.mode == StaleRead && i.plan.call == i.reads }

// writing are the write methods of a client as calls.
func (s server) writing(write func(context.Context, call) error) interceptor.Funcs {
	return interceptor.Funcs{
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			create := func() error { return c.Create(ctx, o, opts...) }
			return write(ctx, call{verb: "create", object: s.identify(c, o), client: c, do: create, created: o})
		},
		Update: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.UpdateOption) error {
			update := func() error { return c.Update(ctx, o, opts...) }
			return write(ctx, call{verb: "update", object: s.identify(c, o), client: c, do: update})
		},
		Patch: func(
			ctx context.Context, c client.WithWatch, o client.Object, p client.Patch, opts ...client.PatchOption,
		) error {
			patch := func() error { return c.Patch(ctx, o, p, opts...) }
			return write(ctx, call{verb: "patch", object: s.identify(c, o), client: c, do: patch})
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			remove := func() error { return c.Delete(ctx, o, opts...) }
			return write(ctx, call{verb: "delete", object: s.identify(c, o), client: c, do: remove})
		},
		Apply: func(
			ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption,
		) error {
			apply := func() error { return c.Apply(ctx, o, opts...) }
			return write(ctx, call{verb: "apply", object: s.identifyApplied(o), client: c, do: apply})
		},
		SubResourcePatch: func(
			ctx context.Context, c client.Client, sub string, o client.Object, p client.Patch,
			opts ...client.SubResourcePatchOption,
		) error {
			patch := func() error { return c.SubResource(sub).Patch(ctx, o, p, opts...) }
			return write(ctx, call{verb: "patch " + sub + " of", object: s.identify(c, o), client: c, do: patch})
		},
		SubResourceUpdate: func(
			ctx context.Context, c client.Client, sub string, o client.Object, opts ...client.SubResourceUpdateOption,
		) error {
			update := func() error { return c.SubResource(sub).Update(ctx, o, opts...) }
			return write(ctx, call{verb: "update " + sub + " of", object: s.identify(c, o), client: c, do: update})
		},
		SubResourceApply: func(
			ctx context.Context, c client.Client, sub string, o runtime.ApplyConfiguration,
			opts ...client.SubResourceApplyOption,
		) error {
			apply := func() error { return c.SubResource(sub).Apply(ctx, o, opts...) }
			return write(ctx, call{verb: "apply " + sub + " of", object: s.identifyApplied(o), client: c, do: apply})
		},
	}
}
