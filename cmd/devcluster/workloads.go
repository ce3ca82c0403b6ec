package main

import (
	"context"
	"fmt"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"kube-node-manager/cmd/devcluster/internal/fleet"
)

// createWorkloads creates the workloads and waits until their pods run.
func (p *plane) createWorkloads(ctx context.Context, c *cluster) error {
	begin := time.Now()
	if err := c.applyWorkloads(ctx, c.spec.WorkloadObjects()); err != nil {
		return fmt.Errorf("create workloads: %w", err)
	}
	if c.spec.Nodes == 0 {
		return nil // The pods cannot run without nodes.
	}
	if err := poll(ctx, p.failed, c.workloadsReady); err != nil {
		return fmt.Errorf("wait for workloads: %w", err)
	}
	p.progress("%s: workloads run after %s", c.name, seconds(time.Since(begin)))
	return nil
}

func (c *cluster) applyWorkloads(ctx context.Context, w fleet.Workloads) error {
	for _, name := range w.Namespaces {
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
		if _, err := c.client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	// Budgets first, so that their status is correct as soon as the pods run.
	for _, object := range w.Budgets {
		budgets := c.client.PolicyV1().PodDisruptionBudgets(object.Namespace)
		if _, err := budgets.Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	if err := c.applyApps(ctx, w); err != nil {
		return err
	}
	for _, object := range w.Jobs {
		jobs := c.client.BatchV1().Jobs(object.Namespace)
		if _, err := jobs.Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for _, object := range w.Pods {
		pods := c.client.CoreV1().Pods(object.Namespace)
		if _, err := pods.Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) applyApps(ctx context.Context, w fleet.Workloads) error {
	apps := c.client.AppsV1()
	for _, object := range w.DaemonSets {
		if _, err := apps.DaemonSets(object.Namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for _, object := range w.Deployments {
		if _, err := apps.Deployments(object.Namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for _, object := range w.StatefulSets {
		if _, err := apps.StatefulSets(object.Namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	return nil
}

// workloadsReady returns an error that names the first workload that is not ready.
func (c *cluster) workloadsReady(ctx context.Context) error {
	cached := metav1.ListOptions{ResourceVersion: "0"}
	if err := c.appsReady(ctx, cached); err != nil {
		return err
	}
	jobs, err := c.client.BatchV1().Jobs("").List(ctx, cached)
	if err != nil {
		return err
	}
	for _, job := range jobs.Items {
		if !complete(job) {
			return fmt.Errorf("job %s/%s is not complete", job.Namespace, job.Name)
		}
	}
	budgets, err := c.client.PolicyV1().PodDisruptionBudgets("").List(ctx, cached)
	if err != nil {
		return err
	}
	for _, b := range budgets.Items {
		if b.Status.CurrentHealthy < b.Status.DesiredHealthy || b.Status.ExpectedPods == 0 {
			return fmt.Errorf("budget %s/%s: %d of %d pods are healthy",
				b.Namespace, b.Name, b.Status.CurrentHealthy, b.Status.DesiredHealthy)
		}
	}
	return nil
}

func (c *cluster) appsReady(ctx context.Context, options metav1.ListOptions) error {
	apps := c.client.AppsV1()
	deployments, err := apps.Deployments("").List(ctx, options)
	if err != nil {
		return err
	}
	for _, d := range deployments.Items {
		if d.Status.ReadyReplicas < *d.Spec.Replicas {
			return notReady("deployment", d.ObjectMeta, d.Status.ReadyReplicas, *d.Spec.Replicas)
		}
	}
	sets, err := apps.StatefulSets("").List(ctx, options)
	if err != nil {
		return err
	}
	for _, s := range sets.Items {
		if s.Status.ReadyReplicas < *s.Spec.Replicas {
			return notReady("stateful set", s.ObjectMeta, s.Status.ReadyReplicas, *s.Spec.Replicas)
		}
	}
	daemons, err := apps.DaemonSets("").List(ctx, options)
	if err != nil {
		return err
	}
	for _, d := range daemons.Items {
		s := d.Status
		if s.NumberReady < s.DesiredNumberScheduled || int(s.DesiredNumberScheduled) < c.spec.Nodes {
			return notReady("daemon set", d.ObjectMeta, s.NumberReady, int32(c.spec.Nodes))
		}
	}
	return nil
}

func notReady(kind string, meta metav1.ObjectMeta, ready, want int32) error {
	return fmt.Errorf("%s %s/%s: %d of %d pods are ready", kind, meta.Namespace, meta.Name, ready, want)
}

func complete(job batchv1.Job) bool {
	for _, condition := range job.Status.Conditions {
		if condition.Type == batchv1.JobComplete && condition.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}
