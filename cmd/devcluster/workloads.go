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
		return nil // Their pods wait for nodes.
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
	// Budgets first: their status is then right as soon as the pods run.
	for _, object := range w.Budgets {
		if _, err := c.client.PolicyV1().PodDisruptionBudgets(object.Namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	if err := c.applyApps(ctx, w); err != nil {
		return err
	}
	for _, object := range w.Jobs {
		if _, err := c.client.BatchV1().Jobs(object.Namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
			return err
		}
	}
	for _, object := range w.Pods {
		if _, err := c.client.CoreV1().Pods(object.Namespace).Create(ctx, object, metav1.CreateOptions{}); err != nil {
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

// workloadsReady names the first workload that is not there yet.
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
			return fmt.Errorf("budget %s/%s: %d of %d pods are healthy", b.Namespace, b.Name, b.Status.CurrentHealthy, b.Status.DesiredHealthy)
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
			return fmt.Errorf("deployment %s/%s: %d of %d pods are ready", d.Namespace, d.Name, d.Status.ReadyReplicas, *d.Spec.Replicas)
		}
	}
	sets, err := apps.StatefulSets("").List(ctx, options)
	if err != nil {
		return err
	}
	for _, s := range sets.Items {
		if s.Status.ReadyReplicas < *s.Spec.Replicas {
			return fmt.Errorf("stateful set %s/%s: %d of %d pods are ready", s.Namespace, s.Name, s.Status.ReadyReplicas, *s.Spec.Replicas)
		}
	}
	daemons, err := apps.DaemonSets("").List(ctx, options)
	if err != nil {
		return err
	}
	for _, d := range daemons.Items {
		if s := d.Status; s.NumberReady < s.DesiredNumberScheduled || int(s.DesiredNumberScheduled) < c.spec.Nodes {
			return fmt.Errorf("daemon set %s/%s: %d of %d pods are ready", d.Namespace, d.Name, s.NumberReady, c.spec.Nodes)
		}
	}
	return nil
}

func complete(job batchv1.Job) bool {
	for _, condition := range job.Status.Conditions {
		if condition.Type == batchv1.JobComplete && condition.Status == corev1.ConditionTrue {
			return true
		}
	}
	return false
}
